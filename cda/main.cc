// xos-cda: the authority of virtual organisations, one command a run.
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "cda/commands.h"
#include "cda/privileges.h"
#include "cda/sealed_key.h"
#include "cda/whole_stream.h"
#include "common/registry/sqlite_registry.h"
#include "libxos/names.h"

namespace xos {
namespace {

constexpr int kExitFailed = 1, kExitUsage = 2;

// The installed authority always has one; another directory has what its owner names.
Outcome<std::string> find_secret(const CommandLine& line) {
    if (!line.secret.empty()) return read_secret_file(line.secret);
    if (line.state.empty()) return read_secret();
    return std::string();
}

Outcome<void> run(const CommandLine& line) {
    umask(077);
    std::signal(SIGPIPE, SIG_IGN);
    if (line.state.empty() && geteuid() == 0)
        if (auto done = become_user(kAuthorityUser); !done) return done;
    prepare_openssl();
    const std::string state = line.state.empty() ? kAuthorityDir : line.state;
    const auto secret = find_secret(line);
    if (!secret) return std::unexpected(secret.error());
    auto keys = KeyDirectory::open(state, *secret);
    if (!keys) return std::unexpected(keys.error());
    const auto registry = SqliteRegistry::open(state + "/registry.sqlite");
    if (!registry) return std::unexpected(registry.error());
    Authority authority(**registry, std::move(*keys));
    const auto answer = line.run(authority);
    if (!answer) return std::unexpected(answer.error());
    return write_all(STDOUT_FILENO, *answer);
}

int main_program(int argc, char** argv) {
    CLI::App app("The authority of virtual organisations: VOs, members, credentials", "xos-cda");
    CommandLine line;
    declare_commands(app, line);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kExitUsage;
    }
    const auto done = run(line);
    if (done) return 0;
    std::fprintf(stderr, "xos-cda: %s\n", done.error().message.c_str());
    return kExitFailed;
}

}  // namespace
}  // namespace xos

int main(int argc, char** argv) {
    try {
        return xos::main_program(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "xos-cda: %s\n", error.what());
        return xos::kExitFailed;
    }
}

// xos credential request: a key for a VO user, and the request that the VO's authority certifies.
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/output_file.h"
#include "cli/user_folder.h"
#include "common/credential/xos_cert.h"

namespace xos {
namespace {

struct Options {
    std::string login;
    std::string output = "-";
};

Outcome<int> run(const Options& options) {
    const auto name = require_login_name(options.login);
    if (!name) return std::unexpected(name.error());
    const auto folder = UserFolder::open(name->vo);
    if (!folder) return std::unexpected(folder.error());
    const auto key = load_or_make_user_key(*folder, name->user);
    if (!key) return std::unexpected(key.error());
    const auto request = make_request(name->user, *key);
    if (!request) return std::unexpected(request.error());
    if (auto written = write_output(options.output, *request); !written)
        return std::unexpected(written.error());
    if (options.output != "-")
        std::printf(
            "Request written to %s. The manager of the VO certifies it with: xos credential issue %s %s -o "
            "FILE\n",
            options.output.c_str(), options.login.c_str(), options.output.c_str());
    return kExitOk;
}

}  // namespace

void add_credential_request_command(CommandTable& table) {
    const auto options = std::make_shared<Options>();
    table
        .add("credential request", "Make a key, if there is none, and a request for a credential",
             [options] { return run(*options); })
        .required("LOGIN", options->login, "user1@physics")
        .option("-o,--output", options->output, "file for the request; - (the default) is standard output");
}

}  // namespace xos

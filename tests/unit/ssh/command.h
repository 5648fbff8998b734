// Runs a real program from a test and collects what it says. Process: tests only. Trusts: its caller.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace xos::test {

struct CommandResult {
    int status = -1;  // exit status, 128 + signal
    std::string output;
    std::string errors;
};

// A directory that vanishes with its owner.
struct TempDir {
    std::filesystem::path path;
    TempDir() {
        char name[] = "/tmp/xos-test-XXXXXX";
        path = mkdtemp(name);
    }
    ~TempDir() { std::filesystem::remove_all(path); }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
};

inline std::string read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const std::filesystem::path& path, std::string_view text) {
    std::ofstream(path, std::ios::binary) << text;
    std::filesystem::permissions(path, std::filesystem::perms(0600));
}

// Runs argv (found in PATH) with exactly this environment plus PATH, input on its standard input.
inline CommandResult run_command(std::vector<std::string> argv, std::vector<std::string> environment = {},
                                 const std::string& input = "") {
    TempDir dir;
    write_file(dir.path / "in", input);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, (dir.path / "in").c_str(), O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, (dir.path / "out").c_str(), O_WRONLY | O_CREAT, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, (dir.path / "err").c_str(), O_WRONLY | O_CREAT, 0600);
    environment.push_back("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    std::vector<char*> args, env;
    for (std::string& arg : argv) args.push_back(arg.data());
    for (std::string& value : environment) env.push_back(value.data());
    args.push_back(nullptr);
    env.push_back(nullptr);
    pid_t pid = -1;
    int status = -1;
    const int error = posix_spawnp(&pid, args[0], &actions, nullptr, args.data(), env.data());
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return {127, "", "cannot run " + argv[0]};
    waitpid(pid, &status, 0);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return {code, read_file(dir.path / "out"), read_file(dir.path / "err")};
}

}  // namespace xos::test

#include "cli/authority_program.h"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "cli/input_file.h"
#include "cli/output_file.h"
#include "libxos/unique_fd.h"

namespace xos {
namespace {

struct FileActions {
    posix_spawn_file_actions_t actions;
    FileActions() { posix_spawn_file_actions_init(&actions); }
    ~FileActions() { posix_spawn_file_actions_destroy(&actions); }
    FileActions(const FileActions&) = delete;
    FileActions& operator=(const FileActions&) = delete;
};

// What the authority may see of the caller's environment: how to talk to a terminal.
std::vector<std::string> clean_environment() {
    std::vector<std::string> environment{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    for (const char* name : {"LANG", "TERM"})
        if (const char* value = std::getenv(name)) environment.push_back(std::string(name) + "=" + value);
    return environment;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

Outcome<pid_t> spawn(const std::string& program, const std::vector<std::string>& words, int input,
                     int output) {
    FileActions files;
    if (input >= 0) posix_spawn_file_actions_adddup2(&files.actions, input, STDIN_FILENO);
    if (output >= 0) posix_spawn_file_actions_adddup2(&files.actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files.actions, STDERR_FILENO + 1);
    std::vector<std::string> arguments{program};
    arguments.insert(arguments.end(), words.begin(), words.end());
    std::vector<std::string> environment = clean_environment();
    pid_t pid = -1;
    const int error = posix_spawn(&pid, program.c_str(), &files.actions, nullptr, pointers(arguments).data(),
                                  pointers(environment).data());
    if (error == ENOENT)
        return failure(
            Errc::not_found,
            "this machine is not an authority: {} is not installed; run this where the VO was created, or "
            "install the package xos-cda to create one here",
            program);
    if (error != 0) return failure_errno(error, "cannot run {}", program);
    return pid;
}

Outcome<int> wait_for_end(pid_t pid, const std::string& program) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return failure_errno(errno, "cannot wait for {}", program);
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    return failure(Errc::system, "{} was killed by signal {}", program, WTERMSIG(status));
}

// The output lay in memory until it was known to be whole.
Outcome<void> keep_output(int memory, const std::string& path) {
    struct stat status{};
    if (fstat(memory, &status) != 0) return failure_errno(errno, "cannot read the authority's output");
    if (status.st_size == 0)
        return failure(Errc::invalid, "the authority wrote nothing: {} was not made", path);
    const auto size = static_cast<size_t>(status.st_size);
    void* const bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, memory, 0);
    if (bytes == MAP_FAILED) return failure_errno(errno, "cannot read the authority's output");
    auto written = write_output(path, {static_cast<const char*>(bytes), size});
    munmap(bytes, size);
    return written;
}

}  // namespace

Outcome<int> run_authority(const AuthorityCall& call, const std::string& program) {
    UniqueFd input, output;
    if (!call.input.empty()) {
        auto opened = open_input(call.input);
        if (!opened) return std::unexpected(opened.error());
        input = std::move(*opened);
    }
    if (!call.output.empty()) output.reset(memfd_create("xos-output", MFD_CLOEXEC));
    if (!call.output.empty() && !output)
        return failure_errno(errno, "cannot make room for the authority's output");
    const auto pid = spawn(program, call.words, input.get(), output.get());
    if (!pid) return std::unexpected(pid.error());
    const auto status = wait_for_end(*pid, program);
    if (!status || *status != 0 || call.output.empty()) return status;
    if (auto kept = keep_output(output.get(), call.output); !kept) return std::unexpected(kept.error());
    return status;
}

}  // namespace xos

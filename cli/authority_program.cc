#include "cli/authority_program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "cli/file_actions.h"
#include "cli/input_file.h"
#include "cli/output_file.h"
#include "libxos/unique_fd.h"

namespace xos {
namespace {

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

// Copies of the call's files with numbers above all that the child will use, so that none is overwritten
// before it is put in its place.
Outcome<std::vector<UniqueFd>> copy_files(const std::vector<AuthorityFile>& files) {
    std::vector<UniqueFd> copies;
    const int above = STDERR_FILENO + 1 + static_cast<int>(files.size());
    for (const AuthorityFile& file : files) {
        copies.emplace_back(fcntl(file.fd.get(), F_DUPFD_CLOEXEC, above));
        if (!copies.back()) return failure_errno(errno, "cannot pass a file to the authority");
    }
    return copies;
}

Outcome<pid_t> spawn(const std::string& program, const AuthorityCall& call, int input, int output) {
    FileActions files;
    if (input >= 0) posix_spawn_file_actions_adddup2(&files.actions, input, STDIN_FILENO);
    if (output >= 0) posix_spawn_file_actions_adddup2(&files.actions, output, STDOUT_FILENO);
    std::vector<std::string> arguments{program};
    arguments.insert(arguments.end(), call.words.begin(), call.words.end());
    const auto copies = copy_files(call.files);
    if (!copies) return std::unexpected(copies.error());
    int next = STDERR_FILENO + 1;
    for (size_t i = 0; i < copies->size(); ++i, ++next) {
        posix_spawn_file_actions_adddup2(&files.actions, (*copies)[i].get(), next);
        arguments.push_back(compose("{}={}", call.files[i].option, next));
    }
    posix_spawn_file_actions_addclosefrom_np(&files.actions, next);
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

void remove_unused(const AuthorityCall& call) {
    for (const std::string& path : call.made) {
        struct stat status{};
        if (lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0)
            unlink(path.c_str());
    }
}

Outcome<int> run_authority(const AuthorityCall& call, const std::string& program) {
    UniqueFd input, output;
    if (!call.input.empty()) {
        auto opened = open_input(call.input);
        if (!opened) {
            remove_unused(call);
            return std::unexpected(opened.error());
        }
        input = std::move(*opened);
    }
    if (!call.output.empty()) output.reset(memfd_create("xos-output", MFD_CLOEXEC));
    if (!call.output.empty() && !output) {
        const int error = errno;
        remove_unused(call);
        return failure_errno(error, "cannot make room for the authority's output");
    }
    const auto pid = spawn(program, call, input.get(), output.get());
    const auto status = pid ? wait_for_end(*pid, program) : std::unexpected(pid.error());
    if (!status || *status != 0) remove_unused(call);
    if (!status || *status != 0 || call.output.empty()) return status;
    if (auto kept = keep_output(output.get(), call.output); !kept) return std::unexpected(kept.error());
    return status;
}

}  // namespace xos

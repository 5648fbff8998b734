#include "xosd/checkpoint/layer_archive.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <vector>

#include "xosd/container/layer.h"

namespace xos {
namespace {

constexpr char kTar[] = "/usr/bin/tar";

Outcome<void> run_tar(std::vector<const char*> arguments, const std::string& log) {
    arguments.insert(arguments.begin(), "tar");
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                     0600);
    const char* const environment[] = {"LC_ALL=C", nullptr};
    pid_t pid = -1;
    const int error = posix_spawn(&pid, kTar, &actions, nullptr, const_cast<char**>(arguments.data()),
                                  const_cast<char**>(environment));
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return failure_errno(error, "cannot run {}", kTar);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return failure_errno(errno, "cannot wait for tar");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return failure(Errc::system, "tar failed on the job's layer (status {}): is the disk full?", status);
    return {};
}

}  // namespace

Outcome<void> pack_layer(const std::string& layer, const std::string& archive, const std::string& log) {
    const std::string upper = layer + kUpper;
    return run_tar({"--create", "--file", archive.c_str(), "--format=posix", "--numeric-owner", "--xattrs",
                    "--xattrs-include=*", "--sparse", "--one-file-system", "--directory", upper.c_str(), "."},
                   log);
}

Outcome<void> unpack_layer(const std::string& archive, const std::string& layer, const std::string& log) {
    const std::string upper = layer + kUpper;
    return run_tar(
        {"--extract", "--file", archive.c_str(), "--same-owner", "--preserve-permissions", "--numeric-owner",
         "--xattrs", "--xattrs-include=*", "--delay-directory-restore", "--directory", upper.c_str()},
        log);
}

}  // namespace xos

#include "xosd/sandbox/sandboxed_program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

namespace xos {
namespace {

constexpr int kFreeFd = 10;  // above the numbers that programs are given: none is overwritten before its turn

struct SpawnSettings {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    SpawnSettings() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
    }
    ~SpawnSettings() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
};

// The daemon blocks signals for its event loop and may ignore some; the child starts with none of that, and
// in a session of its own, so that Ctrl-C in a terminal does not reach it.
int prepare_spawn(SpawnSettings& settings, std::span<const PassedFd> fds) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&settings.attributes, &none);
    posix_spawnattr_setsigdefault(&settings.attributes, &all);
    if (const int error = posix_spawnattr_setflags(
            &settings.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID))
        return error;
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO})
        if (const int error = posix_spawn_file_actions_addopen(&settings.actions, fd, "/dev/null", O_RDWR, 0))
            return error;
    for (const PassedFd& fd : fds)
        if (const int error = posix_spawn_file_actions_adddup2(&settings.actions, fd.ours, fd.theirs))
            return error;
    return 0;
}

}  // namespace

Outcome<UniqueFd> spawn_sandboxed(const std::string& program, uid_t uid, gid_t gid,
                                  std::span<const PassedFd> fds) {
    std::vector<UniqueFd> owned;
    std::vector<PassedFd> high;
    for (const PassedFd& fd : fds) {
        owned.emplace_back(fcntl(fd.ours, F_DUPFD_CLOEXEC, kFreeFd));
        if (!owned.back()) return failure_errno(errno, "cannot hand a descriptor to {}", program);
        high.push_back({owned.back().get(), fd.theirs});
    }
    SpawnSettings settings;
    if (const int error = prepare_spawn(settings, high))
        return failure_errno(error, "cannot start {}", program);
    std::string path = program, uid_text = std::to_string(uid), gid_text = std::to_string(gid);
    char* const arguments[] = {path.data(), uid_text.data(), gid_text.data(), nullptr};
    char* const environment[] = {nullptr};
    int pidfd = -1;
    if (const int error = pidfd_spawn(&pidfd, path.c_str(), &settings.actions, &settings.attributes,
                                      arguments, environment))
        return failure_errno(error, "cannot start {}", program);
    return UniqueFd(pidfd);
}

void kill_child(int pidfd) {
    // not pidfd_send_signal(3): glibc 2.41 declares it without C linkage
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
}

}  // namespace xos

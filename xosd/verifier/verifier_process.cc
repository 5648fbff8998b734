#include "xosd/verifier/verifier_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "xosd/verifier/verifier_protocol.h"

namespace xos {
namespace {

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
int prepare_spawn(SpawnSettings& settings, int socket) {
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
    return posix_spawn_file_actions_adddup2(&settings.actions, socket, kVerifierSocket);
}

}  // namespace

Outcome<VerifierProcess> VerifierProcess::spawn(const std::string& program, uid_t uid, gid_t gid) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return failure_errno(errno, "cannot make the verifier's socket");
    UniqueFd ours(ends[0]), theirs(ends[1]);
    if (fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0)
        return failure_errno(errno, "cannot set the verifier's socket up");
    SpawnSettings settings;
    if (const int error = prepare_spawn(settings, theirs.get()))
        return failure_errno(error, "cannot start {}", program);
    std::string path = program, uid_text = std::to_string(uid), gid_text = std::to_string(gid);
    char* const arguments[] = {path.data(), uid_text.data(), gid_text.data(), nullptr};
    char* const environment[] = {nullptr};
    int pidfd = -1;
    if (const int error = pidfd_spawn(&pidfd, path.c_str(), &settings.actions, &settings.attributes,
                                      arguments, environment))
        return failure_errno(error, "cannot start {}", program);
    return VerifierProcess(UniqueFd(pidfd), std::move(ours));
}

VerifierProcess::~VerifierProcess() {
    if (!pidfd_ || reaped_) return;
    kill();
    reap();
}

void VerifierProcess::kill() {
    // Fails only where it has ended already. Not pidfd_send_signal(3): glibc 2.41 declares it without C
    // linkage.
    syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
}

std::string VerifierProcess::reap() {
    siginfo_t info{};
    while (waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) != 0)
        if (errno != EINTR) return "ended, and something else collected it";
    reaped_ = true;
    return compose("{} {}", info.si_code == CLD_EXITED ? "exit status" : "killed by signal", info.si_status);
}

}  // namespace xos

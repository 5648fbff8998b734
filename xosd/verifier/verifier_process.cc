#include "xosd/verifier/verifier_process.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "xosd/sandbox/sandboxed_program.h"
#include "xosd/verifier/verifier_protocol.h"

namespace xos {
Outcome<VerifierProcess> VerifierProcess::spawn(const std::string& program, uid_t uid, gid_t gid) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return failure_errno(errno, "cannot make the verifier's socket");
    UniqueFd ours(ends[0]), theirs(ends[1]);
    if (fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0)
        return failure_errno(errno, "cannot set the verifier's socket up");
    const PassedFd socket{theirs.get(), kVerifierSocket};
    auto pidfd = spawn_sandboxed(program, uid, gid, {&socket, 1});
    if (!pidfd) return std::unexpected(pidfd.error());
    return VerifierProcess(*std::move(pidfd), std::move(ours));
}

VerifierProcess::~VerifierProcess() {
    if (!pidfd_ || reaped_) return;
    kill();
    reap();
}

void VerifierProcess::kill() {
    kill_child(pidfd_.get());
}

std::string VerifierProcess::reap() {
    siginfo_t info{};
    while (waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) != 0)
        if (errno != EINTR) return "ended, and something else collected it";
    reaped_ = true;
    return compose("{} {}", info.si_code == CLD_EXITED ? "exit status" : "killed by signal", info.si_status);
}

}  // namespace xos

// One running xos-verifier, seen from xosd.
//
// Owns: the child process (a pidfd) and xosd's end of the socket pair. Process: xosd.
// Trusts: the program at the path that it is given; nothing that this says afterwards.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <string>

#include "common/failure.h"
#include "libxos/unique_fd.h"

namespace xos {

class VerifierProcess {
  public:
    // Starts program with an empty environment, no descriptor of ours but the socket and stderr, and the uid
    // and gid that it shall take.
    static Outcome<VerifierProcess> spawn(const std::string& program, uid_t uid, gid_t gid);
    VerifierProcess(VerifierProcess&&) = default;
    VerifierProcess& operator=(VerifierProcess&&) = delete;
    ~VerifierProcess();  // kills what still runs, and waits for its end

    int socket() const { return socket_.get(); }  // non-blocking, SOCK_SEQPACKET
    int pidfd() const { return pidfd_.get(); }    // readable once it has ended
    void kill();
    // How it ended ("killed by signal 9"), once pidfd() is readable; collects the child.
    std::string reap();

  private:
    VerifierProcess(UniqueFd pidfd, UniqueFd socket) : pidfd_(std::move(pidfd)), socket_(std::move(socket)) {}

    UniqueFd pidfd_;
    UniqueFd socket_;
    bool reaped_ = false;
};

}  // namespace xos

// Connections whose session was refused: they are ended, where sshd would let them stand.
//
// Owns: the pidfds of sshd processes that were told no, for some seconds. Process: xosd. Trusts: the kernel's
// word that the pidfd is of who asked for the session.
//
// sshd(8) runs no shell after a refusal by pam_open_session(3), but keeps a connection without a command
// ("ssh -N") until its client goes.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>

#include "common/event_loop.h"
#include "libxos/unique_fd.h"

namespace xos {

inline constexpr std::chrono::seconds kRefusalGrace{
    2};  // for sshd to end by itself, and to end after SIGTERM

class RefusedConnections {
  public:
    // The loop outlives it.
    explicit RefusedConnections(EventLoop& loop) : loop_(loop) {}
    void add(UniqueFd pidfd);

  private:
    struct Entry {
        UniqueFd pidfd;
        EventSource timer;
    };
    void signal_later(uint64_t id, int signal);

    EventLoop& loop_;
    std::map<uint64_t, Entry> entries_;
    uint64_t next_ = 1;
};

}  // namespace xos

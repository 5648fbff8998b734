// io.systemd.UserDatabase, answered from the mapped accounts: what userdbctl(1) and nss-systemd(8) ask.
//
// Owns: the varlink server and the answers that are under way. Process: xos-userdb, without any right.
// Trusts: nothing a caller sends; libsystemd reads it. Whoever asks gets what getent(1) shows. Names and ids
// that are none of ours are answered before the accounts are looked at. No look-up of a name is ever made
// here: it would come back to this socket.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/event_loop.h"
#include "common/failure.h"
#include "libxos/unique_fd.h"

namespace xos {

class UserdbServer {
  public:
    // Of the accounts files; both live for ever.
    struct Places {
        const char* accounts;
        const char* boot;
    };
    // loop outlives the server.
    static Outcome<std::unique_ptr<UserdbServer>> start(EventLoop& loop, Places places);
    ~UserdbServer();

    Outcome<void> listen(UniqueFd socket);
    // No connection is open.
    bool is_idle() const;
    // Requests that came so far.
    uint64_t count_calls() const;

    struct Impl;

  private:
    explicit UserdbServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace xos

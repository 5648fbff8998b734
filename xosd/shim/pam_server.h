// The socket on which pam_xos and xos-ssh-keys ask xosd: kPamSocket.
//
// Owns: the listening socket and every connection on it. Process: xosd.
// Trusts: the kernel's word on who the peer is (SO_PEERCRED); the peer's bytes are decoded by
// libxos/protocol.h. Root may ask everything, the keys command's user may ask about keys; anybody else is
// disconnected.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "common/event_loop.h"
#include "libxos/protocol.h"
#include "libxos/unique_fd.h"

namespace xos {

struct PamCaller {
    pid_t pid = 0;
    uid_t uid = 0;
    UniqueFd pidfd;  // of pid; empty where the process has gone
};

// What the daemon answers. Each function calls reply exactly once, at once or later. The views in a request
// live for the call only, those in a reply for the call of reply.
class PamHandler {
  public:
    virtual ~PamHandler() = default;
    virtual void answer_keys(const KeysQuery& query, std::function<void(const KeysReply&)> reply) = 0;
    virtual void answer_account(const AccountQuery& query,
                                std::function<void(const AccountReply&)> reply) = 0;
    virtual void open_session(const OpenSession& query, PamCaller caller,
                              std::function<void(const SessionReply&)> reply) = 0;
    virtual void answer_authenticate(const AuthenticateQuery& query, PamCaller caller,
                                     std::function<void(const AuthenticateReply&)> reply) = 0;
    virtual void note_keys(const NoteKeys& keys, std::function<void(const NoteReply&)> reply) = 0;
    virtual void close_session(const CloseSession& query, std::function<void(const CloseReply&)> reply) = 0;
};

class PamServer {
  public:
    struct Options {
        std::string path;
        uid_t keys_uid;  // may send KeysQuery
        gid_t keys_gid;  // may connect; the socket is 0660 root:keys_gid
    };

    // handler must outlive the server.
    static Outcome<std::unique_ptr<PamServer>> start(EventLoop& loop, Options options, PamHandler& handler);
    ~PamServer();

  private:
    struct Impl;
    explicit PamServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace xos

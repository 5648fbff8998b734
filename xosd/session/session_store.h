// The sessions of VO users on this node.
//
// Owns: their records in the state database, those of ended ones (VisitStore), and a watch on the process
// that holds each. Process: xosd. Trusts: pids only together with their start time, so that a record outlives
// a restart of xosd.
//
// A session is open until it is closed or the process that opened it ends. Its record stays until that
// process has ended and what was left of the session is settled, see session_supervisor.h: so a xosd that is
// killed in between finds it again.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/event_loop.h"
#include "common/sqlite.h"
#include "common/vo/grid_identity.h"
#include "libxos/unique_fd.h"
#include "xosd/session/visit_store.h"

namespace xos {

struct LoginSession {
    uint64_t id = 0;
    std::string login;  // user1@physics
    uint32_t uid = 0;
    std::string service;  // PAM service: sshd, su, ...
    std::string remote;   // as the service says; may be empty
    std::string serial;   // of the credential; empty where there is none
    std::string fingerprint;
    GridIdentity identity;                  // of a VOMS proxy
    std::vector<std::string> grid_serials;  // of all certificates down to the user's
    std::chrono::sys_seconds opened;
    std::chrono::sys_seconds expires;  // epoch: no credential
    pid_t pid = 0;                     // the process that opened it and closes it
    std::string chain;                 // public PEM; empty where there is none
    std::string home;                  // for the record of visits; not read back
    uint64_t start_time = 0;           // of pid, field 22 of /proc/PID/stat
    int32_t credential_key = 0;        // serial number in the kernel; 0: none, or not told yet
    std::string cgroup;                // in the v2 tree; empty: it has none of its own
    std::string ending;                // why it is being ended; empty: it is not
};

// The systemd user manager's own session (user@.service): it stands for no login.
inline constexpr std::string_view kUserManagerService = "systemd-user";

// Before the end of every credential, after that of none: find_valid() at this moment asks for any.
inline constexpr std::chrono::sys_seconds kFirstExpiry{};

class SessionStore {
  public:
    // Both outlive the store, which stays where it is: watches point to it.
    SessionStore(Database& database, EventLoop& loop)
        : database_(&database), loop_(&loop), visits_(database) {}
    SessionStore(const SessionStore&) = delete;
    SessionStore& operator=(const SessionStore&) = delete;

    // What the session's supervisor is told. closed: the session counts no more; how is for the log.
    // exited: it is closed, and the process that held it has ended; its record waits for forget().
    struct Listener {
        std::function<void(const LoginSession&, std::string_view how)> closed;
        std::function<void(const LoginSession&)> exited;
    };

    // Reads the records back. Those whose process has gone are told as closed and exited by listen(). Once,
    // first.
    Outcome<void> load();
    // Once. Without a listener a record goes when its process has ended.
    void listen(Listener listener);

    // Durable when it returns. pidfd is of pid; its death closes the session.
    Outcome<uint64_t> open(LoginSession session, pid_t pid, UniqueFd pidfd);
    // Unknown ids are ignored: a session may be closed and its process die at once.
    void close(uint64_t id, std::string_view how);
    // Removes the record of a session that has exited.
    void forget(uint64_t id);

    // Each is durable when it returns. Errc::not_found: it is not open.
    Outcome<void> note_key(uint64_t id, int32_t credential_key);
    Outcome<void> note_cgroup(uint64_t id, const std::string& path);
    Outcome<void> note_ending(uint64_t id, const std::string& reason);

    // Of the process that holds or held the session; -1: unknown id.
    int pidfd(uint64_t id) const;

    // stir is called with the uid of each session that was opened or closed.
    void on_change(std::function<void(uint32_t)> stir) { stir_ = std::move(stir); }

    VisitStore& visits() { return visits_; }
    const std::map<uint64_t, LoginSession>& all() const { return sessions_; }
    const LoginSession* find(uint64_t id) const;
    // The open session of uid with this credential, or null.
    const LoginSession* find_chain(uint32_t uid, std::string_view chain) const;
    size_t count(uint32_t uid) const;  // logins: without the user manager's
    // A live session of uid whose credential is in date and whose serial is none of revoked (sorted), or
    // null. The one that lasts longest. One that was opened before since (Member::credentials_from) has a
    // credential of before.
    const LoginSession* find_valid(uint32_t uid, std::chrono::sys_seconds now,
                                   std::span<const std::string> revoked,
                                   std::chrono::sys_seconds since = {}) const;

  private:
    struct Watch {
        UniqueFd pidfd;
        EventSource source;
    };
    Outcome<void> store(LoginSession& session);
    Outcome<void> watch(uint64_t id, UniqueFd pidfd);
    void process_ended(uint64_t id);
    void exit(uint64_t id);
    Outcome<LoginSession*> update(uint64_t id, const char* sql, auto value);

    Database* database_;
    EventLoop* loop_;
    VisitStore visits_;
    std::map<uint64_t, LoginSession> sessions_;
    std::map<uint64_t, LoginSession> closed_;  // whose process has not ended, or is not settled
    std::map<uint64_t, Watch> watches_;
    std::vector<uint64_t> gone_;  // until listen(): whose process had ended at load()
    Listener listener_;
    std::function<void(uint32_t)> stir_ = [](uint32_t) {};
};

}  // namespace xos

// The sessions of VO users on this node.
//
// Owns: their records in the state database, those of ended ones (VisitStore), and a watch on the process
// that holds each. Process: xosd. Trusts: pids only together with their start time, so that a record outlives
// a restart of xosd.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "common/event_loop.h"
#include "common/sqlite.h"
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
    std::chrono::sys_seconds opened;
    std::chrono::sys_seconds expires;  // epoch: no credential
    pid_t pid = 0;                     // the process that opened it and closes it
    std::string chain;                 // public PEM; empty where there is none
    std::string home;                  // for the record of visits; not read back
};

class SessionStore {
  public:
    // Both outlive the store, which stays where it is: watches point to it.
    SessionStore(Database& database, EventLoop& loop)
        : database_(&database), loop_(&loop), visits_(database) {}
    SessionStore(const SessionStore&) = delete;
    SessionStore& operator=(const SessionStore&) = delete;

    // Reads the records back; those whose process has gone are ended. Once, first.
    Outcome<void> load();

    // Durable when it returns. pidfd is of pid; its death closes the session.
    Outcome<uint64_t> open(LoginSession session, pid_t pid, UniqueFd pidfd);
    // Unknown ids are ignored: a session may be closed and its process die at once.
    void close(uint64_t id, std::string_view how);

    // stir is called with the uid of each session that was opened or closed.
    void on_change(std::function<void(uint32_t)> stir) { stir_ = std::move(stir); }

    VisitStore& visits() { return visits_; }
    const std::map<uint64_t, LoginSession>& all() const { return sessions_; }
    size_t count(uint32_t uid) const;
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
    Outcome<void> store(LoginSession& session, uint64_t start_time);
    Outcome<void> watch(uint64_t id, UniqueFd pidfd);

    Database* database_;
    EventLoop* loop_;
    VisitStore visits_;
    std::map<uint64_t, LoginSession> sessions_;
    std::map<uint64_t, Watch> watches_;
    std::function<void(uint32_t)> stir_ = [](uint32_t) {};
};

}  // namespace xos

// Open sessions until nothing of them is left: where their processes are, and when they must end.
//
// Owns: the cgroup of each session, its binding with the connector agent, the end of sessions (revocation,
// removal, expiry, the owner's word), and what becomes of leftovers. Process: xosd's loop.
// Trusts: the trust store; SessionStore for who is here; the kernel for who is in a cgroup.
//
// A session is put into a cgroup of xosd's own before its login is answered. Where pam_systemd(8) then moves
// it into a scope of logind's, that scope is its cgroup from there on. A session that is opened inside
// another one of the same user (su to the own name) stays there.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/event_loop.h"
#include "xosd/audit/audit_log.h"
#include "xosd/node_config.h"
#include "xosd/session/delegation_service.h"
#include "xosd/session/session_store.h"
#include "xosd/tracking/agent_client.h"
#include "xosd/tracking/job_cgroup.h"
#include "xosd/trust/trust_store.h"

namespace xos {

inline constexpr std::chrono::seconds kSessionGrace{5};  // between SIGTERM and SIGKILL

class SessionSupervisor {
  public:
    struct Parts {
        EventLoop& loop;
        const NodeConfig& config;
        const TrustStore& trust;
        SessionStore& sessions;
        AuditLog& audit;
        const DelegationService* delegations = nullptr;
        const CgroupBase* cgroups = nullptr;  // none: sessions stay where they were opened
        AgentClient* agent = nullptr;         // none: they are not tracked
    };
    // parts outlive it. Listens to the store; goes on with what an earlier xosd left.
    explicit SessionSupervisor(Parts parts);
    ~SessionSupervisor();
    SessionSupervisor(const SessionSupervisor&) = delete;
    SessionSupervisor& operator=(const SessionSupervisor&) = delete;

    // May a session have these limits here? unavailable: the kernel cannot hold one of them.
    Outcome<void> check_limits(const Limits& limits) const;
    // Puts the process that opened the session, and all that it starts from now on, into the session's
    // cgroup.
    Outcome<void> admit(uint64_t id, const Limits& limits);
    // Ends it: its credential is revoked at once, its processes get SIGTERM, after kSessionGrace SIGKILL.
    void end(uint64_t id, const std::string& reason);
    // Ends what must not go on, and warns where a credential is about to end. Called where the trust store or
    // the configuration changed; calls itself in time.
    void sweep();

    // Whether its credential has ended and nothing else of its user's holds here now.
    bool is_expired(const LoginSession& session, std::chrono::sys_seconds now) const;
    // Where its processes are, as /proc/PID/cgroup shows it; empty: not in a cgroup of its own.
    std::string cgroup_of(uint64_t id) const;
    std::vector<pid_t> processes_of(uint64_t id) const;
    // The processes as the connector agent knows them.
    Outcome<void> snapshot(uint64_t id, AgentClient::OnSnapshot done);

  private:
    struct Place;

    bool is_nested(const LoginSession& session, const std::string& path) const;
    Outcome<void> take_cgroup(uint64_t id, std::unique_ptr<JobCgroup> cgroup, bool own, bool must_bind);
    void recover();
    void end_strays() const;
    void find_scope(uint64_t id);
    void cgroup_changed(uint64_t id);
    void closed(const LoginSession& session, std::string_view how);
    void exited(const LoginSession& session);
    void terminate(uint64_t id);
    void kill_rest(uint64_t id);
    void signal_holder(uint64_t id, int signal);
    void signal_all(uint64_t id, int signal);
    void release(uint64_t id);
    void warn(const LoginSession& session, std::chrono::sys_seconds now);
    bool is_renewed(const LoginSession& session, std::chrono::sys_seconds now) const;
    void schedule(std::chrono::sys_seconds now);

    Parts parts_;
    std::map<uint64_t, Place> places_;
    EventSource timer_;
};

}  // namespace xos

// Where a session's processes are, and how far its end has come. Private to session_supervisor.
#pragma once

#include <memory>

#include "common/event_loop.h"
#include "libxos/unique_fd.h"
#include "xosd/audit/audit_log.h"
#include "xosd/session/credential_key.h"
#include "xosd/session/session_store.h"
#include "xosd/session/session_supervisor.h"
#include "xosd/tracking/job_cgroup.h"

namespace xos {

inline constexpr size_t kListedProcessesMax = 4096;

struct SessionSupervisor::Place {
    std::unique_ptr<JobCgroup> cgroup;  // null: none of its own
    bool own = false;                   // we made it, and remove it
    bool bound = false;                 // to the connector agent
    bool held = true;                   // the process that opened the session lives
    bool warned = false;                // of the end of its credential
    bool ending = false;
    UniqueFd events;  // its cgroup.events
    EventSource on_change;
    EventSource timer;
};

inline std::string session_name(uint64_t id) {
    return "session-" + std::to_string(id);
}
// Nothing where name is none of session_name().
std::optional<uint64_t> parse_session_name(std::string_view name);

inline void revoke_key_of(const LoginSession& session) {
    revoke_credential_key(session.credential_key, session.chain);
}

// All but the decision and its reason.
AuditRecord audit_record_of(const LoginSession& session, AuditEvent event);

}  // namespace xos

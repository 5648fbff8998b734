// A refusal, as it is answered and as it is recorded. Private to login_service.
#pragma once

#include <functional>
#include <string>

#include "common/failure.h"
#include "common/log.h"
#include "libxos/protocol.h"
#include "xosd/audit/audit_log.h"

namespace xos {

inline Verdict verdict_of(Errc code) {
    return code == Errc::denied || code == Errc::invalid ? Verdict::deny : Verdict::unavailable;
}

template <typename Reply>
void refuse(const std::function<void(const Reply&)>& reply, const Failure& failed, Verdict verdict) {
    char text[kReasonMax];
    Reply answer;
    answer.answer = {verdict, make_reason(failed.message, text)};
    reply(answer);
}
template <typename Reply>
void refuse(const std::function<void(const Reply&)>& reply, const Failure& failed) {
    refuse(reply, failed, verdict_of(failed.code));
}

// In the journal the record itself is the line, and a flood of refusals fills neither.
inline void audit_refusal(AuditLog& audit, AuditRecord record, const Failure& failed) {
    record.permit = false;
    record.reason = failed.message;
    if (!audit.record(record) || audit.is_in_journal()) return;
    log(failed.code == Errc::denied || failed.code == Errc::invalid ? Level::notice : Level::error,
        std::string(audit_event_name(record.event)) + " refused",
        {{"user", record.login},
         {"service", record.service},
         {"rhost", record.remote},
         {"reason", record.reason}});
}

}  // namespace xos

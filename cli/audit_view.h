// Records of the audit log for a person: which are wanted, and one line each.
//
// Owns: the filter and the format of xos audit. Pure but for the reader's time zone. Process: the xos
// command. Trusts: nothing; records hold printable text only (common/audit/audit_record.h).
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "common/audit/audit_record.h"

namespace xos {

struct AuditFilter {
    std::string vo, user;  // user, or user@vo; empty: all
    bool refused = false;
    std::optional<std::chrono::sys_seconds> since;

    // Records that were left out may be of anybody: they are wanted whatever vo and user say.
    bool wants(const AuditRecord& record) const;
};

// "2h", "3d": so long before now. Or a date with or without a time of day, in the reader's time zone unless
// it ends in Z or UTC.
Outcome<std::chrono::sys_seconds> read_since(const std::string& text, std::chrono::sys_seconds now);

// "2026-11-28 18:00:47  login          refuse  user1@physics  192.0.2.1  sshd  the credential has expired\n"
std::string format_audit_row(const AuditRecord& record);

}  // namespace xos

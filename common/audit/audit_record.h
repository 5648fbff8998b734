// One decision of a node about a member, as it is kept: a line of JSON in a file, or fields of a journal
// entry.
//
// Owns: the two written forms, in both directions. Pure. Process: xosd writes, xos reads. Trusts: nothing; a
// name may come from a stranger and a file may hold anything. Every text is cut and made printable on its way
// in and out, so no value forges a line, a field or a terminal's escape.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"

namespace xos {

inline constexpr size_t kAuditValueMax = 512;       // bytes of one text
inline constexpr size_t kAuditLineMax = 16 * 1024;  // more than the longest line; what is longer is no record
inline constexpr char kAuditMessageId[] = "b63f7f8d0ddd4238a1abe6c4a8d48d98";  // MESSAGE_ID (sd-journal(3))

enum class AuditEvent {
    login,           // a key was judged
    authentication,  // by a session's own credential: su, sudo
    account,
    session,  // opened, or refused
    session_end,
    suppressed,  // count records were left out; reason says which and why
};
std::string_view audit_event_name(AuditEvent event);

struct AuditRecord {
    AuditEvent event = AuditEvent::login;
    bool permit = false;
    std::string login;  // user@vo, or whatever was claimed
    std::optional<uint32_t> uid;
    std::string serial, fingerprint, remote, service;  // empty: not known
    uint64_t session = 0;                              // 0: none
    std::string reason;
    std::chrono::sys_seconds time{};  // 1970: the time of recording
    uint64_t count = 0;               // of suppressed only
};

// The halves of a login name; one outside the grammar is all user.
struct AuditName {
    std::string vo, user;
};
AuditName audit_name(std::string_view login);

// Cut to kAuditValueMax, and what is not printable ASCII replaced by '?'.
std::string audit_text(std::string_view text);

// One object without a newline, shorter than kAuditLineMax: time, event, decision, and of vo, user, uid,
// serial, fingerprint, remoteHost, service, session, reason, count those that are known.
std::string format_audit_line(const AuditRecord& record);
// Keys that are not known are passed over.
Outcome<AuditRecord> parse_audit_line(std::string_view line);

// "NAME=value" for each field of the entry, MESSAGE and MESSAGE_ID among them. The journal keeps the time
// itself.
std::vector<std::string> format_audit_entry(const AuditRecord& record);
// field answers the value of a field of an entry, or nothing.
using EntryField = std::function<std::optional<std::string>(const char* name)>;
Outcome<AuditRecord> parse_audit_entry(const EntryField& field, std::chrono::sys_seconds time);

}  // namespace xos

// The audit line: one for each thing that the authority gave out or refused.
//
// Owns: its words and fields. Process: xos-cda serve. Trusts: nothing in a field; the log quotes them. No
// code, token, request or key is ever among them.
#pragma once

#include <string>
#include <string_view>

namespace xos {

struct AuditWho {
    std::string vo, user;  // user1@physics; empty: not known
    std::string address;   // of the other side
};

struct AuditCredential {
    std::string serial, fingerprint;  // empty: no credential was made
};

void audit_grant(std::string_view event, const AuditWho& who, const AuditCredential& credential);
// what: the endpoint's word.
void audit_refusal(std::string_view what, const AuditWho& who, std::string_view reason);

}  // namespace xos

// May this session go on? Asked while it lasts, as check_login() is before.
//
// Owns: the comparison of an open session with the bundle of now. Pure. Process: xosd. Trusts: its arguments.
#pragma once

#include <optional>
#include <string>

#include "xosd/session/session_store.h"
#include "xosd/trust/trusted_vo.h"

namespace xos {

// Why it must end: its member is gone or suspended, its VO is gone or dissolved, its credential is revoked,
// by its serial number, by the identity in it or with all of the member's. Nothing: it may go on. vo and
// member: who has the session's uid now; nulls where nobody does.
std::optional<std::string> find_objection(const LoginSession& session, const TrustedVo* vo,
                                          const Member* member);

}  // namespace xos

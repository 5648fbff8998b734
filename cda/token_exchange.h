// JSON web tokens of other identity providers, exchanged for a VO's credential.
//
// Owns: which member a token speaks for. Which issuers a VO accepts is in the Registry (cda/token_issuer.h),
// how a token is checked in cda/token.h. Process: xos-cda. Trusts: the keys that the manager named for an
// issuer; nothing in a token before its signature is checked.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "cda/authority.h"
#include "common/failure.h"

namespace xos {

// The member's login name (user1@physics) for whom this token speaks at the VO. Errc::denied names the
// reason: wrong audience, issuer, algorithm, signature, not yet or no longer valid, or nobody here has that
// claim. Errc::invalid: no such token. Opens no connection.
Outcome<std::string> check_token(Authority& authority, std::string_view vo, std::string_view token,
                                 std::chrono::sys_seconds now);

}  // namespace xos

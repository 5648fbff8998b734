// One number for the whole content of a VO: who has the same one has the same members, groups, policy,
// revocations.
//
// Owns: the canonical form. Process: programs only. Pure apart from OpenSSL. Trusts: nothing.
//
// SHA-256 over every record in a binary form with lengths before texts, lists sorted by name. Not in it:
// serial and dates, which are signed beside it, and the VO record, which has its own statement.
#pragma once

#include <array>
#include <cstdint>

#include "common/failure.h"
#include "common/vo/records.h"

namespace xos {

using ContentDigest = std::array<uint8_t, 32>;

// The policy counts as the text that it is: compact JSON as Json::format() writes it.
Outcome<ContentDigest> digest_content(const Bundle& bundle);

}  // namespace xos

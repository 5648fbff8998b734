// Whether a snapshot of accounts may become an accounts file. Pure.
//
// Owns: the rules that keep the file unambiguous and safe to print in a passwd line. Process: xosd. Trusts:
// nothing.
#pragma once

#include "common/failure.h"
#include "xosd/identity/accounts_writer.h"

namespace xos {

// Errc::invalid names the first entry that breaks a rule: a name that is no user@vo, a VO that is not in the
// snapshot, an id outside the VO's block or in its wrong part, overlapping blocks, a text that cannot stand
// in a passwd line. Doubled names and ids are found where the file is built.
[[nodiscard]] Outcome<void> check_snapshot(const AccountsSnapshot& snapshot);
// The same for one entry of vo.
[[nodiscard]] Outcome<void> check_account(const VoEntry& vo, const AccountEntry& account);
[[nodiscard]] Outcome<void> check_group(const VoEntry& vo, const GroupEntry& group);

}  // namespace xos

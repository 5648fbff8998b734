// Accounts and groups of the mapped file as JSON user and group records of systemd.
//
// Owns: the shape of the records (https://systemd.io/USER_RECORD, GROUP_RECORD). Pure. Process: xos-userdb.
// Trusts: nothing in the file; text that is not UTF-8 has the odd bytes replaced.
#pragma once

#include <string>

#include "common/json.h"
#include "libxos/accounts_file.h"

namespace xos {

// The socket's name in /run/systemd/userdb, which each request must name.
inline constexpr char kUserdbService[] = "org.xtreemos.Accounts";

// {"record": ..., "incomplete": false}
Json make_record(const AccountView& account);
// Without its members: a group may have a million. GetMemberships tells them.
Json make_record(const GroupView& group);
Json make_membership(std::string_view user, std::string_view group);

}  // namespace xos

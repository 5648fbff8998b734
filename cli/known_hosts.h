// ~/.config/xos/<vo>/known_hosts: makes ssh know the VO's nodes by the certificates that the VO gave them.
//
// Owns: that file. Process: the xos command at the user's desk. Trusts: the VO record handed in, which the
// caller has verified against the VO's key.
#pragma once

#include "cli/user_folder.h"
#include "common/vo/records.h"

namespace xos {

inline constexpr char kKnownHostsFile[] = "known_hosts";

// Writes the file in the VO's folder, or removes it where the VO has no host CA or is dissolved. The signer
// is believed for every host name, since the snippet of update_ssh_config() uses the file for logins of this
// VO only.
Outcome<void> write_known_hosts(const UserFolder& folder, const VoRecord& record);

}  // namespace xos

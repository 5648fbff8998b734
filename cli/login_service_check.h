// Can sshd and PAM ask xosd at all?
//
// Owns: the checks of the login socket and of sshd's command. Process: the xos command. Trusts: nothing.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "cli/finding.h"

namespace xos {

// A socket of root's that the keys command's group, and nobody else, may use.
void check_login_socket(const std::string& path, std::optional<gid_t> keys_group, Findings& findings);

// sshd runs no AuthorizedKeysCommand that somebody but root could change: the file, and the way to it
// (sshd_config(5)).
void check_keys_command(const std::string& path, Findings& findings);

}  // namespace xos

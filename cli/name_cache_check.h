// Daemons between programs and the accounts, which may hold old answers or answer in our place.
//
// Owns: the checks of nscd and sssd. Process: the xos command. Trusts: nothing. Formats: nscd.conf(5),
// sssd.conf(5).
#pragma once

#include <string>
#include <vector>

#include "cli/finding.h"

namespace xos {

// Below root: the socket of nscd, where it runs, and its configuration.
void check_nscd(const std::string& root, Findings& findings);
// sssd.conf and what lies in conf.d, below root; vos are those that this node accepts.
void check_sssd(const std::string& root, const std::vector<std::string>& vos, Findings& findings);

}  // namespace xos

// Does the C library ask us, and at the right place?
//
// Owns: the checks of /etc/nsswitch.conf and of the installed modules. Process: the xos command. Trusts:
// nothing. The format: nsswitch.conf(5).
#pragma once

#include <string_view>

#include "cli/finding.h"

namespace xos {

// The text of nsswitch.conf: passwd, group, and initgroups where there is one.
void check_nsswitch(std::string_view text, Findings& findings);
// Beside each C library below root (multiarch directories) lies our module.
void check_nss_modules(const std::string& root, Findings& findings);

}  // namespace xos

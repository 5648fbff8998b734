// Do sshd's limits, which are made for a few administrators, hold for the members of a VO?
//
// Process: the xos command. Trusts: nothing in the settings. The keywords: sshd_config(5).
#pragma once

#include "cli/finding.h"
#include "cli/sshd_settings.h"

namespace xos {

void check_sshd_limits(const SshdSettings& settings, Findings& findings);

}  // namespace xos

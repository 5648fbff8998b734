// Do sshd's AllowUsers, AllowGroups, DenyUsers and DenyGroups let the members of a VO in?
//
// Process: the xos command. Trusts: nothing in the settings. The rules: sshd_config(5). A user pattern with
// '@' is USER@HOST, divided at the last '@': "*@physics" is everybody from a host named physics, and the
// members of physics are "*@physics@*".
#pragma once

#include <string>

#include "cli/finding.h"
#include "cli/sshd_settings.h"

namespace xos {

void check_sshd_access(const std::string& vo, const SshdSettings& settings, Findings& findings);

}  // namespace xos

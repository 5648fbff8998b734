// Does every way into a session of a member pass through pam_xos, at the right place?
//
// Owns: the checks of PAM's stacks and of the installed module. Process: the xos command. Trusts: nothing in
// the files.
#pragma once

#include <string>

#include "cli/finding.h"
#include "cli/pam_stack.h"

namespace xos {

// Files below root: etc/pam.d first, then usr/lib/pam.d.
PamFiles pam_files_below(const std::string& root);

// sshd is the service that sshd names (PAMServiceName). Services without a file are not looked at.
void check_pam_services(const PamFiles& files, const std::string& sshd, Findings& findings);

// Beside PAM's own modules below root lies ours.
void check_pam_module(const std::string& root, Findings& findings);

}  // namespace xos

// sshd's block for the accepted VOs: kSshdConfig.
//
// Owns: that one file, and kSshdUntold. Process: xosd; install_sshd_config() in a child, since it runs
// programs. Trusts: VO names that passed is_vo_name(): they hold no pattern character of sshd_config(5).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"

namespace xos {

// The text of the block. The accepted VOs are listed one by one: "*@*" would capture the users of a site
// whose directory names look alike. No VO gives a file of comments only. host_certificate: the file of one
// that sshd shows, or empty.
std::string make_sshd_config(const std::vector<std::string>& vos, std::string_view host_certificate = {});

// Puts text in place and makes a running sshd read it. A configuration that sshd -t refuses is taken back, so
// that a fault of ours never shuts local users out. Answers "unchanged", "reloaded", "written" (no sshd was
// there to be told) or "no sshd" (none is installed). May be killed at any instruction: kSshdUntold is there
// from before the change until sshd knows of it, and makes the next call tell it.
Outcome<std::string> install_sshd_config(std::string_view text);

}  // namespace xos

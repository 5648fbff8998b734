// Connections of members that sshd keeps although they have no session.
//
// Owns: nothing lasting. Process: xosd, at its start. Trusts: the kernel's word on a process's uid and
// program.
//
// Where xosd does not answer, pam_xos refuses the session and sshd(8) keeps a connection without a command
// ("ssh -N"): xosd ends it when it is back. What it ends is sshd alone, never a member's own program.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "libxos/unique_fd.h"

namespace xos {

struct StrayConnection {
    pid_t pid = 0;
    uint32_t uid = 0;
    UniqueFd pidfd;
};

// sshd's processes that run as a uid for which is_member answers yes, in a cgroup for which is_session
// answers no (its path in the v2 tree).
std::vector<StrayConnection> find_stray_connections(
    const std::function<bool(uint32_t uid)>& is_member,
    const std::function<bool(const std::string& cgroup)>& is_session);

}  // namespace xos

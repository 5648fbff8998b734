// A process held by a pidfd: no later process is ever taken for it.
//
// Owns: the system calls of pidfd_open(2) and pidfs. Process: the agent; needs no capability. Trusts: the
// kernel.
#pragma once

#include <cstdint>
#include <optional>

#include "libxos/unique_fd.h"

namespace xos {

struct HeldProcess {
    UniqueFd pidfd;
    uint64_t identity = 0;  // its inode in pidfs
};

// Descriptors from this number on are not kept for processes: the rest is for bindings and connections.
// Raises the process's limit as far as it may. At most kHeldMax.
int find_held_limit();
inline constexpr int kHeldMax = 16384;

// Empty: no such process, or nothing of it lives.
std::optional<HeldProcess> hold_process(int32_t pid);
// All threads have ended.
bool is_over(int pidfd);
// How a process ended that is over (PIDFD_GET_INFO with PIDFD_INFO_EXIT, Linux 6.15): wait(2) form. Empty on
// older kernels and while it was not waited for.
std::optional<int32_t> ask_exit_status(int pidfd);

}  // namespace xos

// The walls around code that reads what strangers sent.
//
// Owns: giving up uid, groups, capabilities, root directory, resources and system calls, for good.
// Process: xos-verifier, after its warm-up and before its first request. Trusts: its caller.
#pragma once

#include <sys/types.h>

#include "common/failure.h"

namespace xos {

struct SandboxOptions {
    uid_t uid = 0;  // to become; neither it nor gid may be 0
    gid_t gid = 0;
    int socket = -1;  // the one descriptor that may be sent to and received from
};

// After success this process is uid:gid without groups or capabilities, in an empty root directory where it
// was root before, can open nothing, and is killed by SIGSYS at any system call but: send and receive on
// socket, memory that is not executable, random numbers, the clock, closing, exit. A failure leaves it half
// walled in: exit. The process has one thread. Every other descriptor is closed.
Outcome<void> enter_sandbox(const SandboxOptions& options);

}  // namespace xos

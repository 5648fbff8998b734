// The walls around the agent: what it may still ask the kernel for.
//
// Owns: the seccomp filter. Process: the agent, after everything is opened and mapped. Trusts: nothing.
#pragma once

#include "common/failure.h"

namespace xos {

// Refuses to go on with any capability; then allows only what the agent's loop does. Everything else gets
// EPERM.
Outcome<void> enter_sandbox();

}  // namespace xos

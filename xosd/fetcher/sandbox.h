// The walls around code that talks to web servers.
//
// Owns: giving up uid, groups, capabilities, resources and system calls, for good. Process: xos-fetch, before
// it reads its request. Trusts: its caller.
#pragma once

#include <cstdint>

#include "common/failure.h"
#include "xosd/sandbox/arguments.h"

namespace xos {

// After success this process is user without groups or capabilities; it opens files for reading only,
// writes no file but by descriptors that it has, starts no process or thread and maps nothing writable as
// code; sockets are of the families that name look-ups and web servers need. max_file: bytes that a
// descriptor may be written to. A failure leaves it half walled in: exit.
Outcome<void> enter_fetch_sandbox(const SandboxUser& user, uint64_t max_file);

}  // namespace xos

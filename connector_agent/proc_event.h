// A process event of the kernel, from bytes.
//
// Owns: the layout of nlmsghdr, cn_msg and proc_event (linux/netlink.h, linux/connector.h, linux/cn_proc.h).
// Process: the agent. Trusts: nothing; the bytes may be anything. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "libxos/result.h"

namespace xos {

enum class ProcEventKind : uint8_t { fork, exec, exit, comm, user, group, session, core, other };

// All ids are of the initial pid namespace and positive where the kind has them.
struct ProcEvent {
    ProcEventKind kind = ProcEventKind::other;
    uint32_t cpu = 0;
    uint32_t sequence = 0;      // of that CPU
    uint64_t timestamp_ns = 0;  // CLOCK_MONOTONIC
    int32_t pid = 0;            // the thread that acts; for a fork the new one
    int32_t tgid = 0;
    int32_t parent_pid = 0;  // fork only
    int32_t parent_tgid = 0;
    int32_t status = 0;         // exit only: wait(2) form
    bool whole = false;         // all threads are ending, and status is the process's; not in the message
    uint32_t real_id = 0;       // user and group only
    uint32_t effective_id = 0;  // the same
    int32_t container_pid = 0;  // what else is known of the process that acts, not in the message; 0: nothing
    uint64_t identity = 0;      // the same
    std::array<char, 16> name = {};  // the same
    std::array<char, 16> comm = {};  // comm only; NUL-terminated where shorter
};

// Errc::invalid: not one whole message of the proc connector.
Result<ProcEvent> parse_proc_event(std::span<const std::byte> message);

}  // namespace xos

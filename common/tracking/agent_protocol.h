// The only contract between xosd and its connector agent: bounded binary messages, one a SOCK_SEQPACKET
// datagram.
//
// Owns: the messages, their limits and their one codec. Process: xosd and xos-connector-agent. Trusts:
// nothing; parse_agent_message() takes any bytes and yields a message within its limits or an error.
//
// A connection: xosd says Hello; the agent answers Welcome (with its descriptors), a BindingState per binding
// it has and StateEnd. xosd binds what it wants bound and says Start. A waiting agent reads no event before
// Start, so that a successor knows its bindings before it meets their events.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "common/tracking/process_info.h"
#include "libxos/result.h"

namespace xos {

inline constexpr uint32_t kAgentProtocolVersion = 2;
inline constexpr size_t kAgentMessageMax = 64 * 1024;
inline constexpr size_t kAgentFdsMax = 16;
inline constexpr size_t kJobNameMax = 128;
inline constexpr size_t kCgroupPathMax = 4096;
inline constexpr size_t kSnapshotPageMax = 32;
inline constexpr size_t kAgentStateSize = 1024 * 1024;  // of the memory that outlives an agent
// Its first eight bytes, and of no other layout; 0: not used yet.
inline constexpr uint64_t kAgentStateMagic = 0x32746e656761'02ULL;

// The fixed descriptors of the agent program, and the order of those that Welcome carries.
// Without a kernel filter only the first three exist.
enum class AgentFd : int { netlink = 3, listener, state, cpus, slots, origins, bindings, config, end };

struct Hello {
    uint32_t version = kAgentProtocolVersion;
    static void fields(auto& io, auto& self) { io(self.version); }
};

// One descriptor comes along, the cgroup's directory, and a second one where there is a journal: a regular
// file, open for reading and writing, that the agent appends to (event_journal.h).
struct Bind {
    uint32_t serial = 0, slot = 0;
    uint64_t cgroup_id = 0;
    int32_t main_pid = 0;   // 0 = not started yet
    bool resume = false;    // the binding outlived an agent: its counters and journal go on
    bool restored = false;  // what is there when the main process is named was restored from a checkpoint
    std::string job, path;  // path: below the root of the v2 tree, begins with '/'
    static void fields(auto& io, auto& self) {
        io(self.serial, self.slot, self.cgroup_id, self.main_pid, self.resume, self.restored);
        io.text(self.job, kJobNameMax);
        io.text(self.path, kCgroupPathMax);
    }
};

struct WatchMain {
    uint32_t serial = 0;
    int32_t pid = 0;
    static void fields(auto& io, auto& self) { io(self.serial, self.pid); }
};

struct Unbind {
    uint32_t serial = 0;
    static void fields(auto& io, auto& self) { io(self.serial); }
};

struct Start {
    static void fields(auto&, auto&) {}
};

struct SnapshotRequest {
    uint32_t serial = 0, request = 0;
    static void fields(auto& io, auto& self) { io(self.serial, self.request); }
};

struct Welcome {
    uint32_t version = kAgentProtocolVersion;
    int32_t pid = 0;
    bool filtered = false;  // a kernel filter selects the events
    bool waiting = false;   // has not been told to start
    static void fields(auto& io, auto& self) { io(self.version, self.pid, self.filtered, self.waiting); }
};

struct BindingState {
    Bind binding;
    bool main_ended = false;
    std::optional<int32_t> main_status;  // empty with main_ended: lost
    uint32_t alive = 0;
    TrackingCounters counters;
    static void fields(auto& io, auto& self) {
        io.nested(self.binding);
        io(self.main_ended, self.main_status, self.alive);
        io.counters(self.counters);
    }
};

struct StateEnd {
    static void fields(auto&, auto&) {}
};

struct SnapshotPage {
    uint32_t serial = 0, request = 0;
    bool last = false;
    bool found = true;         // false: no such binding
    uint64_t state_bytes = 0;  // pages of the shared memory that are in use, of all bindings
    TrackingCounters counters;
    std::vector<ProcessInfo> processes;
    static void fields(auto& io, auto& self) {
        io(self.serial, self.request, self.last, self.found, self.state_bytes);
        io.counters(self.counters);
        io.processes(self.processes, kSnapshotPageMax);
    }
};

struct MainExit {
    uint32_t serial = 0;
    int32_t pid = 0;
    std::optional<int32_t> status;  // wait(2) form; empty: lost
    static void fields(auto& io, auto& self) { io(self.serial, self.pid, self.status); }
};

// No process is left in the cgroup.
struct Empty {
    uint32_t serial = 0;
    static void fields(auto& io, auto& self) { io(self.serial); }
};

enum class LossReason : uint8_t { overflow, kernel_gap, silence, agent_restart, journal };
inline constexpr LossReason kLossReasonLast = LossReason::journal;
// "overflow", "kernel-gap" and so on, for logs and people.
const char* loss_reason_name(LossReason reason);

// Something was not seen, and the agent has re-read the truth or is about to; or, for journal, it is not kept
// from here on: the file could not be written.
struct Lost {
    uint32_t serial = 0;  // 0 = cannot be told apart: any binding may be concerned
    LossReason reason = LossReason::overflow;
    bool number_known = true;
    uint64_t events = 0;
    uint64_t exit_codes_unknown = 0;
    static void fields(auto& io, auto& self) {
        io.limited(self.reason, kLossReasonLast);
        io(self.serial, self.number_known, self.events, self.exit_codes_unknown);
    }
};

// silent: the agent's heartbeat does not come back, xosd has to LISTEN anew. Not silent: it came back.
struct Silence {
    bool silent = true;
    uint32_t seconds = 0;
    static void fields(auto& io, auto& self) { io(self.silent, self.seconds); }
};

using AgentMessage = std::variant<Hello, Bind, WatchMain, Unbind, Start, SnapshotRequest, Welcome,
                                  BindingState, StateEnd, SnapshotPage, MainExit, Empty, Lost, Silence>;

// At most kAgentMessageMax bytes; texts and lists beyond their limits are cut.
std::vector<std::byte> encode_agent_message(const AgentMessage& message);
// Errc::invalid where bytes are not exactly one message within its limits.
Result<AgentMessage> parse_agent_message(std::span<const std::byte> bytes);

}  // namespace xos

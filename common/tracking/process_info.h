// What is known of a process of a job, and how sure it is.
//
// Owns: the value types that the agent, xosd and the command line share. Process: programs. Trusts: nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace xos {

inline constexpr size_t kCommMax = 64;
inline constexpr size_t kCommandLineMax = 1024;
inline constexpr uint32_t kUidUnknown = 0xffffffff;

struct ProcessInfo {
    int32_t pid = 0;            // in the initial pid namespace
    int32_t container_pid = 0;  // in the innermost namespace; 0 = unknown
    int32_t parent_pid = 0;     // initial namespace; 0 = outside of the job or unknown
    uint32_t uid = kUidUnknown;
    char state = '?';      // the letter of proc(5); 'X' = ended
    bool main = false;     // the process that the job is named after
    bool escaped = false;  // alive, but not in the job's cgroup any more
    uint32_t threads = 0;
    uint64_t start_ticks = 0;            // clock ticks since boot; with pid the identity of the process
    int64_t start_time_us = 0;           // since the epoch
    uint64_t cpu_time_us = 0;            // user and system
    uint64_t memory = 0;                 // resident bytes
    uint64_t identity = 0;               // inode in pidfs, never used again until reboot; 0 = unknown
    bool held = false;                   // by a pidfd of the agent; else start_ticks alone tells it apart
    std::optional<int32_t> exit_status;  // wait(2) form; empty while alive and where it was lost
    std::string comm;                    // at most kCommMax bytes, hostile text
    std::string command_line;  // arguments joined by spaces, at most kCommandLineMax bytes, hostile text
};

// What happened in a binding so far. Every count is of this binding alone.
struct TrackingCounters {
    uint64_t passed = 0;    // messages that the kernel filter let through
    uint64_t received = 0;  // of those, read and understood
    uint64_t lost = 0;      // of those, never read; passed = received + lost when quiet
    uint64_t forks = 0;     // processes, not threads; also of those that were adopted first
    uint64_t execs = 0;
    uint64_t exits = 0;               // processes that ended with a known status
    uint64_t exit_codes_unknown = 0;  // processes that ended unobserved
    uint64_t adopted = 0;             // processes first seen otherwise than by their fork
    uint64_t resyncs = 0;             // re-readings of the truth because of doubt
    uint64_t peak = 0;                // most processes alive at one time, escaped ones among them
    bool exact = true;                // false: no kernel filter, so passed is not known
};

// Processes that ever were in the binding: each once, however it became known.
inline uint64_t total_processes(const TrackingCounters& c) {
    return c.forks + c.adopted;
}
inline uint64_t living_processes(const TrackingCounters& c) {
    const uint64_t ended = c.exits + c.exit_codes_unknown;
    return total_processes(c) > ended ? total_processes(c) - ended : 0;
}

}  // namespace xos

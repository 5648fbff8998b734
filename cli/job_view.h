// Jobs and their processes as text for a person.
//
// Owns: the formats of xos jobs, xos job show and xos ps, and words that xos top shares. Pure. Process: the
// xos command. Trusts: nothing in command lines: control characters are shown as '?'.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/json.h"

namespace xos {

struct JobView {
    std::string job, login, state, command, reason, output;
    int64_t submitted = 0, started = 0, ended = 0;  // seconds since 1970; 0: not yet
    std::optional<int32_t> wait_status;
    uint64_t generation = 0;
    // of a job that has ended; absent where it could not be measured
    std::optional<uint64_t> cpu_usec, cpu_user_usec, cpu_system_usec, memory_peak, processes_peak,
        processes_total, wall_usec;
};

struct ProcessView {
    int64_t pid = 0, parent = 0, container_pid = 0, started_usec = 0;
    uint64_t cpu_usec = 0;
    std::optional<int64_t> uid, threads, memory;  // memory: resident, in bytes
    std::string state, command, comm;
    std::string user;        // the uid's name, from name_users()
    double cpu_percent = 0;  // of one processor, from measure_cpu()
    bool escaped = false;
};

Outcome<JobView> read_job_view(const JsonNode& node);
Outcome<ProcessView> read_process_view(const JsonNode& node);
// An array of them.
Outcome<std::vector<ProcessView>> read_process_views(const JsonNode& list);

// "running", "exited 3", "killed by SIGKILL: cancelled", or why it is not known.
std::string describe_end(const JobView& job);
std::string format_jobs(const std::vector<JobView>& jobs);
// Everything about one job, a field a line.
std::string format_job(const JobView& job);
// One line a process, children below their parents, of at most width columns (0: no limit). Users, threads
// and memory where any process tells them.
std::string format_process_tree(const std::vector<ProcessView>& processes, size_t width);

// A line about what processes were not seen to do; empty where nothing was missed.
std::string format_losses(uint64_t events, uint64_t exit_codes);

// Processes as a tree: children below their parents, both in the order given. The second is the depth.
std::vector<std::pair<const ProcessView*, size_t>> arrange_tree(const std::vector<ProcessView>& processes);

// Three digits and a unit at most: "512K", "1.2G".
std::string memory_text(uint64_t bytes);
// Minutes, seconds and hundredths.
std::string cpu_text(uint64_t usec);

// "exit 3" or "killed by SIGSEGV (core dumped)"; status is of wait(2).
std::string describe_status(int32_t status);
// What a shell would say: the exit code, or 128 and the signal's number.
int exit_code_of(int32_t wait_status);

}  // namespace xos

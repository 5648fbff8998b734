// A job: one container run of a VO user, from its submission to its end.
//
// Owns: the record, its states and which change into which. Pure. Process: xosd. Trusts: nothing here is
// hostile: requests are parsed by job_request.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"
#include "xosd/job/job_usage.h"

namespace xos {

// Stored before it is acted on: after a crash, the state says what may exist on the node.
enum class JobState : uint8_t {
    starting,    // a layer, cgroup or container may exist, half made
    running,     // pid and start_time are the loader's
    restarting,  // like starting, from a checkpoint
    ended,       // nothing exists but checkpoints; wait_status or reason says how
};
std::string_view job_state_name(JobState state);
std::optional<JobState> parse_job_state(std::string_view name);
// starting -> running|ended, running -> ended, ended -> restarting, restarting -> running|ended.
bool may_become(JobState from, JobState to);

enum class JobMode : uint8_t { terminal, pipes, batch };
std::string_view job_mode_name(JobMode mode);
std::optional<JobMode> parse_job_mode(std::string_view name);

// What the user asked for; fixed once submitted.
struct JobRequest {
    JobMode mode = JobMode::batch;
    std::vector<std::string> argv;         // at least one
    std::vector<std::string> environment;  // NAME=value
    std::string directory;                 // absolute, inside
    std::string output;                    // batch: absolute, inside the home
    uint16_t rows = 24, columns = 80;      // terminal
};

struct Job {
    uint64_t id = 0;
    std::string login;  // user1@physics
    uint32_t uid = 0;
    JobRequest request;
    JobState state = JobState::starting;
    std::chrono::sys_seconds submitted, started, ended;  // the epoch: not yet
    int32_t pid = 0;                                     // of the loader, while running
    uint64_t start_time = 0;                             // proc(5): field 22 of stat
    std::optional<int32_t> wait_status;                  // wait(2) form; never invented
    std::string reason;       // why there is no wait_status, why it could not start, or why it was ended
    uint64_t generation = 0;  // of the newest committed checkpoint; 0 = none
    JobUsage usage;           // of the runs that have ended
    uint64_t began_usec = 0;  // CLOCK_MONOTONIC when the making of this run's container began; 0: not known
    // Epoch: nobody has asked to end it. Else it was asked to end, for reason, and what is left is killed
    // then.
    std::chrono::sys_time<std::chrono::milliseconds> kill_at;
    uint64_t walltime = 0;  // seconds that this run may take; 0: no limit
};

inline std::string job_name(uint64_t id) {
    return "job-" + std::to_string(id);
}
// "job-17" or "17".
std::optional<uint64_t> parse_job_name(std::string_view name);

}  // namespace xos

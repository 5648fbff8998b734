// What a job has used: processor time, memory, processes, time.
//
// Owns: the sums over the runs of a job that was checkpointed and restarted. Process: xosd. Trusts: the
// kernel's counters of a cgroup, the agent's of processes. What could not be read is absent, never estimated,
// and so is a sum of which a part is.
#pragma once

#include <cstdint>
#include <optional>

#include "common/failure.h"
#include "common/tracking/process_info.h"
#include "xosd/tracking/job_cgroup.h"

namespace xos {

struct JobUsage {
    uint32_t runs = 0;  // that are in the sums
    // microseconds, xos-loader's own among them
    std::optional<uint64_t> cpu_usec, cpu_user_usec, cpu_system_usec;
    std::optional<uint64_t> memory_peak;      // bytes, of the run with the most
    std::optional<uint64_t> processes_peak;   // of the run with the most
    std::optional<uint64_t> processes_total;  // that ever were
    // microseconds of CLOCK_MONOTONIC from the making of the container to the end of its last process
    std::optional<uint64_t> wall_usec;
};

// One more run: times and numbers are added, of the peaks the higher one holds. Pure.
void add_run(JobUsage& all, const JobUsage& run);

// What the kernel counted in the cgroup, to be read before its removal. Fields that cannot be read are
// absent, and why is logged for job; a controller that the cgroup has not is no failure.
JobUsage read_usage(const JobCgroup& cgroup, const std::string& job);

// What the agent counted. Where it lost events, what it did not see makes the numbers too low: they are
// absent.
void set_processes(JobUsage& run, const TrackingCounters& counters);

uint64_t monotonic_usec();

}  // namespace xos

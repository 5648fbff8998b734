// Storms of short processes with a known number of events, and what the processes of a cgroup cost.
//
// Owns: nothing. Process: bench/tracking, as root. Trusts: the kernel's accounts of a cgroup (cpu.stat).
// What cannot be done is a std::runtime_error.
#pragma once

#include <cstdint>

#include "xosd/tracking/job_cgroup.h"

namespace xos::bench {

// Each worker forks and executes a program that does nothing, one after the other.
struct Storm {
    uint64_t workers = 0;
    uint64_t each = 0;

    uint64_t processes() const { return workers * each; }
    // The workers are made from outside, so their forks are not the cgroup's events.
    uint64_t execs() const { return processes() + workers; }
    uint64_t exits() const { return processes() + workers; }
    uint64_t events() const { return processes() + execs() + exits(); }
};

// Runs it in the cgroup to its end.
void run_storm(const JobCgroup& cgroup, const Storm& storm);

// Of all that ever ran in the cgroup, user and system, nanoseconds.
double cpu_time(const JobCgroup& cgroup);
// Returns when what runs in the cgroup has done its work: when it hardly uses the processor any more, or
// after some seconds on a machine that is never quiet.
void wait_quiet(const JobCgroup& cgroup);

}  // namespace xos::bench

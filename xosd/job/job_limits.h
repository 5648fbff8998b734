// The limits of policy on a job, held by the kernel in the job's cgroup.
//
// Owns: which limit is which file of cgroup v2. Process: xosd. Trusts: the kernel.
// A limit that this node's kernel cannot hold refuses the job: nothing runs with a limit that is only said.
#pragma once

#include <string>
#include <vector>

#include "common/policy/rule_limits.h"
#include "xosd/tracking/job_cgroup.h"

namespace xos {

// Are the controllers there that processes, memory and cpus need? Errc::unavailable names the limit that
// cannot be held, and what to do. controllers: CgroupBase::controllers.
Outcome<void> can_hold(const Limits& limits, const std::vector<std::string>& controllers);
// Sets them before the first process is in the cgroup.
Outcome<void> hold_limits(const JobCgroup& cgroup, const Limits& limits);
uint64_t walltime_of(const Limits& limits);  // as Job::walltime

}  // namespace xos

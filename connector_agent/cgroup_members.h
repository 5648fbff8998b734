// Who is in a cgroup and below it, as the kernel says now.
//
// Owns: the walk over cgroup.procs. Process: the agent. Trusts: the tree's files; a job may make directories
// below its cgroup while we walk, so depth and number are bounded.
#pragma once

#include <cstdint>
#include <vector>

#include "libxos/result.h"

namespace xos {

// Host pids, sorted, of cgroup (a directory descriptor) and all below. Errc::not_found: the cgroup was
// removed.
Result<std::vector<int32_t>> read_cgroup_members(int cgroup);
// False where no living process is in cgroup or below (cgroup.events), also where it was removed.
bool is_cgroup_populated(int cgroup);

}  // namespace xos

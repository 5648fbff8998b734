// Re-reading the truth: what is in the cgroup now, against what events made us believe.
//
// Owns: the rules by which a belief is corrected. Process: the agent. Trusts: the cgroup and /proc, in that
// order. A process that is gone without an exit event ends with an unknown status, never with an invented
// one; and only when the event had kExitEventGraceNs to arrive, because it is queued after the process has
// left /proc.
#pragma once

#include <cstdint>

#include "connector_agent/binding.h"
#include "connector_agent/process_files.h"

namespace xos {

inline constexpr uint64_t kExitEventGraceNs = 200'000'000;

struct ResyncReport {
    uint32_t alive = 0;      // inside the cgroup
    uint32_t undecided = 0;  // gone, but an exit event may still come: resync again after the grace
    uint32_t ended_unknown = 0;
    std::vector<int32_t> escaped;  // found outside of the cgroup for the first time
    bool cgroup_removed = false;
};

// The caller has read the socket empty just before. Appends what it corrected to changes; counts nothing.
ResyncReport resync(Binding& binding, const ProcessFiles& files, uint64_t now_ns,
                    ProcessTree::Changes& changes);

// True where path is cgroup itself or lies below it.
bool is_inside(std::string_view path, std::string_view cgroup);

}  // namespace xos

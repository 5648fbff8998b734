// Re-reading the truth: what is in the cgroup now, against what events made us believe.
//
// Owns: the rules by which a belief is corrected. Process: the agent. Trusts: the cgroup, pidfds and /proc,
// in that order. A process that is gone without an exit event ends with the status that its pidfd tells, or
// an unknown one, never an invented one; and only when the event had kExitEventGraceNs to arrive, because it
// is queued after the process has left the cgroup.
#pragma once

#include <cstdint>

#include "connector_agent/binding.h"
#include "connector_agent/process_files.h"

namespace xos {

inline constexpr uint64_t kExitEventGraceNs = 200'000'000;

// The caller has read the socket empty just before. doubt: events may have been lost, so that what is held is
// only known to live, not with which threads. Appends what it corrected to changes; counts nothing. The
// number of those that are gone and whose exit event may still come: resync again after the grace.
uint32_t resync(Binding& binding, const ProcessFiles& files, uint64_t now_ns, bool doubt,
                ProcessTree::Changes& changes);
// Asks after those of which a thread has ended while it was not sure that no other is left. The caller has
// read the socket empty just before. True: one is gone, and the events of its other threads have their grace
// to come: resync after it.
bool settle_unsure(Binding& binding, const ProcessFiles& files, uint64_t now_ns);

// True where path is cgroup itself or lies below it.
bool is_inside(std::string_view path, std::string_view cgroup);

}  // namespace xos

// The processes of a binding for somebody who asks.
//
// Owns: cutting the answer into pages. Process: the agent. Trusts: nothing; texts are cut to their limits.
#pragma once

#include <vector>

#include "connector_agent/binding.h"
#include "connector_agent/process_files.h"

namespace xos {

// At least one page, the last one marked. The binding was resynced just before.
std::vector<SnapshotPage> describe_binding(const Binding& binding, const ProcessFiles& files,
                                           uint32_t request);

}  // namespace xos

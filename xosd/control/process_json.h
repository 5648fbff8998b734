// Processes as the control interfaces tell of them.
//
// Owns: the fields of a process on the wire. Pure. Process: xosd. Trusts: nothing of a command line.
#pragma once

#include <vector>

#include "common/json.h"
#include "common/tracking/process_info.h"

namespace xos {

// An array of those that live.
Json describe_live(const std::vector<ProcessInfo>& processes);

}  // namespace xos

// A generation: made by a dump, used by a restore.
//
// Owns: the order of steps of both, and the commit. Process: children of xosd.
// Trusts: the request; of the generation nothing before its digests were checked.
#pragma once

#include "xosd/checkpoint/checkpointer.h"

namespace xos {

// socket_options as of make_criu_checkpointer. The result's text is "BYTES DIGEST" of the committed
// generation.
Outcome<OperationResult> dump_generation(const DumpRequest& request, const std::string& socket_options);
// The result holds the container's process.
Outcome<OperationResult> restore_generation(const RestoreRequest& request);

std::string generation_path(const std::string& directory, uint64_t generation);
std::string unfinished_path(const std::string& directory, uint64_t generation);
// The job named in directory's path, beneath which a crash may leave ".tmp-GENERATION" and ".log-GENERATION".
std::string log_path(const std::string& directory, uint64_t generation);

}  // namespace xos

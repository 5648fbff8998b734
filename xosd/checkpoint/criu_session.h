// One run of CRIU through libcriu.
//
// Owns: the options that a container of ours needs, the hooks, the log and its translation for people.
// Process: a forked child of xosd only: libcriu forks `criu swrk`, keeps global state and writes to standard
// error. Trusts: CRIU. Its images are checked before it sees them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/failure.h"
#include "libxos/unique_fd.h"
#include "xosd/container/layer.h"

namespace xos {

struct CriuRun {
    std::string images;  // directory of the image files
    std::string work;    // directory of the log and of what CRIU leaves beside the images
    std::vector<ExternalMount> externals;
    std::string socket_options;  // as of make_criu_checkpointer; empty: never needed
    // The name of CRIU's action and the host pid of the container's pid 1. A failure stops the run.
    std::function<Outcome<void>(const std::string& action, pid_t root)> hook;
};

// cgroup is the path of the job's, already frozen; it is frozen still when this returns. Once thawed the tree
// of pid goes on where keep_running is set or anything failed; it was killed otherwise.
Outcome<void> run_criu_dump(const CriuRun& run, pid_t pid, const std::string& cgroup, bool keep_running);
// The pid of the restored pid 1, a child of the caller.
Outcome<pid_t> run_criu_restore(const CriuRun& run, const std::string& root);
// "4.1.1"
Outcome<std::string> criu_version();

// The first error in CRIU's log, in words for a person.
std::string explain_criu_log(const std::string& log);

}  // namespace xos

// Checkpoint and restart of a job's container.
//
// Owns: the Checkpointer interface, what a generation holds, and its commit. Process: xosd; the work is done
// in forked children with a deadline (xosd/container/operation.h), so that xosd's loop never waits. Trusts:
// the caller's request. An image is believed after its manifest and every digest were checked, never before.
//
// A generation is the directory DIRECTORY/GENERATION: images (CRIU's), layer.tar (the job's private
// directories) and manifest.json. It appears by one rename, when all of it is on the disk, and only then is
// the job resumed or ended.
#pragma once

#include <memory>
#include <optional>

#include "xosd/container/container.h"

namespace xos {

struct DumpRequest {
    std::string job;          // as of ContainerSpec
    uint64_t generation = 1;  // the directory's name; must not exist
    std::string directory;    // kCheckpointDir/JOB: made 0700 where absent; its parent exists
    std::string layer, home;
    uint32_t uid = 0, inner_root = 0;
    pid_t pid = -1;  // the container's pid 1, and its start time
    uint64_t start_time = 0;
    int cgroup_fd = -1;  // the job's cgroup; borrowed for the call
    bool keep_running =
        true;  // otherwise every process of the job is killed once the generation is committed
    std::chrono::seconds limit{600};
};

struct Checkpoint {
    std::string
        manifest_digest;  // SHA-256 of manifest.json, hexadecimal: keep it apart and give it to the restore
    uint64_t bytes = 0;   // of the whole generation
};

struct RestoreRequest {
    std::string job;
    uint64_t generation = 1;
    std::string directory;
    std::string layer;  // must not exist: it is made from the generation
    std::string home;
    uint32_t uid = 0, inner_root = 0;
    int cgroup_fd = -1;  // an empty cgroup: the job is born there; on failure everything in it is killed
    std::string manifest_digest;  // empty: not compared
    std::optional<JobCredential> credential;
    std::chrono::seconds limit{600};
};

class Checkpointer {
  public:
    virtual ~Checkpointer() = default;
    virtual std::string name() const = 0;
    // Whether it works on this node; the message says what is missing. Runs its program for a moment: call at
    // start.
    virtual Outcome<void> probe() const = 0;
    // What in the job could not be restored, found without stopping it. Reads /proc only.
    virtual Outcome<void> preflight(const DumpRequest& request) const = 0;
    // On failure the job runs on and nothing of the generation is left. Attached persons are detached.
    virtual Outcome<Operation> start_dump(const DumpRequest& request) const = 0;
    // On failure nothing runs and no layer is left; output files may have been cut to their size in the
    // checkpoint.
    virtual Outcome<Operation> start_restore(const RestoreRequest& request) const = 0;
};

Outcome<Checkpoint> finish_dump(Operation operation);
Outcome<ContainerProcess> finish_restore(Operation operation);

// socket_options: the shared library that CRIU before 4.2 needs on Linux 6.16 and later; it is loaded only
// there.
std::unique_ptr<Checkpointer> make_criu_checkpointer(
    std::string socket_options = "/usr/libexec/xos/xos-criu-socket-options.so");

// Deletes what a dump that died left in directory. Call for every job when xosd starts.
Outcome<void> remove_unfinished_dumps(const std::string& directory);
Outcome<void> remove_generation(const std::string& directory, uint64_t generation);

}  // namespace xos

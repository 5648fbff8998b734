// Containers: what a job runs in.
//
// Owns: the making of a job's container (the one place that does it), its layer, and what is read from a
// layer later. Process: xosd (root, single-threaded). The work is done in a forked child with a deadline;
// xosd only waits. Trusts: the caller's ContainerSpec (policy was checked before); not the home, the layer's
// contents or the job.
//
// Inside: the node's own root, read-only; /dev, /run, /tmp, /var/tmp, /home and /var/lib/xos of the job's
// own, kept in its layer; the job's home; own /proc, /dev/pts and /dev/shm; no network but a loopback of its
// own. The user namespace maps the job's uid and groups to themselves, and its root to a number that nobody
// uses: CRIU needs a root there, and no process of the job can become it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/failure.h"
#include "libxos/unique_fd.h"
#include "xosd/container/loader_protocol.h"
#include "xosd/container/operation.h"

namespace xos {

// Written root-owned into the layer before the start. path lies below one of the private directories.
struct LayerFile {
    std::string path;
    std::string content;
    mode_t mode = 0644;
};

// Between SIGTERM and SIGKILL.
inline constexpr std::chrono::seconds kEndGrace{10};

// The public credential chain that the job's session keyring holds.
struct JobCredential {
    std::string pem;                   // at most kCredentialMax bytes
    std::chrono::seconds lifetime{0};  // until the key expires; at least 1
};

struct ContainerSpec {
    std::string job;            // [a-z0-9-], at most 63: names the container in messages
    uint32_t uid = 0, gid = 0;  // of the job's user; neither 0 nor 65534
    uint32_t inner_root = 0;  // uid and gid that stand for root inside; owns nothing on the node, belongs to
                              // nobody: number 0 of the VO's block
    std::vector<uint32_t> groups;  // supplementary, at most 256
    std::string home;  // host directory owned by uid; bound at the same path inside (nosuid, nodev)
    std::vector<std::string> argv, environment;
    std::string directory;  // working directory inside
    std::string layer;      // host directory that does not exist yet; its parent is root-owned
    int cgroup_fd = -1;     // the cgroup v2 directory the container is born in; borrowed for the call
    std::vector<LayerFile> files;
    JobStdio stdio = JobStdio::file;
    std::string output;           // path inside, JobStdio::file only: opened by the job's uid, appended to
    uint16_t rows = 0, cols = 0;  // of a terminal
    std::optional<JobCredential> credential;
    std::chrono::milliseconds grace = kEndGrace;         // for what the application leaves when it ends
    std::string loader = "/usr/libexec/xos/xos-loader";  // the program that is copied into the layer
};

// Starts the container in a child; give the operation to finish_start when its result is readable.
Outcome<Operation> begin_start(const ContainerSpec& spec);
// The running container; on failure nothing of it is left: no mount, layer, process or cgroup member.
Outcome<ContainerProcess> finish_start(Operation operation);
// Both, waiting: a few milliseconds, at most kStartDeadline.
Outcome<ContainerProcess> start_container(const ContainerSpec& spec);
inline constexpr std::chrono::seconds kStartDeadline{10};

// How the application ended, as the loader recorded it.
struct ExitRecord {
    int wait_status = 0;     // as of waitpid(2); meaningless where exec_error is set
    int exec_error = 0;      // errno: the application could not be executed
    std::string exec_about;  // the program, directory or output that exec_error is about

    // "cannot execute ./x: Permission denied"; empty where the application ran.
    std::string message() const;
};
// An empty optional: the loader recorded nothing (still running, or the container was killed).
Outcome<std::optional<ExitRecord>> read_exit_record(const std::string& layer);

// Deletes the layer of a job whose processes are gone. A layer that is not there is success.
// May take long where the job has left many files: xosd's loop uses begin_remove_layer and finish_operation.
Outcome<void> remove_layer(const std::string& layer);
Outcome<Operation> begin_remove_layer(const std::string& layer);

}  // namespace xos

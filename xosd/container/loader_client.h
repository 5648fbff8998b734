// Requests to the loader of a running job.
//
// Owns: the race-free way to its socket, which lies inside the container. Process: xosd.
// Trusts: nothing inside: the path is resolved below the container's root without symlinks, and the pidfd
// proves that the root was that of the process meant.
#pragma once

#include <chrono>
#include <cstdint>

#include "common/failure.h"
#include "libxos/unique_fd.h"
#include "xosd/container/operation.h"

namespace xos {

// A connection on which the attach frame was sent: it may be handed to the person's program, which from then
// on reads and writes the frames of common/job_stream.h. A former attachment is closed by the loader.
Outcome<UniqueFd> connect_loader(const ContainerProcess& process, uint16_t rows, uint16_t columns);
// Closes every attachment. Returns when the loader has closed them and this request: a dump may follow at
// once.
Outcome<void> detach_streams(const ContainerProcess& process,
                             std::chrono::milliseconds limit = std::chrono::seconds(5));
// Has the loader ask every process of the job to end (SIGTERM). Returns when that is said, not when it is
// done: who must be sure kills the cgroup later. A loader that was told before does nothing.
Outcome<void> ask_all_to_end(const ContainerProcess& process);
// Signals the application's process group.
Outcome<void> signal_application(const ContainerProcess& process, int number,
                                 std::chrono::milliseconds limit = std::chrono::seconds(5));

}  // namespace xos

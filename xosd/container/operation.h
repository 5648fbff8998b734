// Work too slow for xosd's loop, done in a forked child with a deadline.
//
// Owns: the child and the socket its one result comes over. Process: xosd (single-threaded) and the child.
// Trusts: the child's result; a child that dies without one is a failure that says so.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "common/failure.h"
#include "libxos/unique_fd.h"

namespace xos {

// A container's pid 1, seen from the host. pid and start_time survive a restart of xosd, the pidfd does not.
struct ContainerProcess {
    pid_t pid = -1;
    UniqueFd pidfd;
    uint64_t start_time = 0;  // field 22 of /proc/PID/stat
};

// What a child answers on success: text for the caller, and a container's process where one was made.
struct OperationResult {
    std::string text;
    ContainerProcess process;
};

// Move-only. Dropping it unfinished kills the child and its process group, then cleans up.
struct Operation {
    pid_t pid = -1;
    UniqueFd pidfd;
    UniqueFd result;  // readable when the result is there or the child is dead: watch it, then finish
    std::chrono::steady_clock::time_point deadline{};
    std::string about;              // "start of job-17", for messages
    std::function<void()> cleanup;  // in xosd, where the operation failed or was dropped

    Operation() = default;
    Operation(Operation&& other) noexcept { *this = std::move(other); }
    Operation& operator=(Operation&& other) noexcept;
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    ~Operation() { stop(); }
    // Kills and reaps the child, if it still is there, and cleans up.
    void stop();
};

// Runs work in a child that has its own session, default signals, /dev/null as standard input, and of xosd's
// descriptors only standard error and those of keep. Past the deadline the child and its process group are
// killed.
Outcome<Operation> begin_operation(std::string about, std::chrono::seconds limit, std::span<const int> keep,
                                   const std::function<Outcome<OperationResult>()>& work);
// The child's answer; waits for it until the deadline. Runs cleanup on failure.
Outcome<OperationResult> finish_operation(Operation operation);

// Field 22 of /proc/PID/stat.
Outcome<uint64_t> read_start_time(pid_t pid);
// The process pid as ContainerProcess; fails where it is gone, or is another one than start_time says (0:
// any).
Outcome<ContainerProcess> open_process(pid_t pid, uint64_t start_time = 0);

}  // namespace xos

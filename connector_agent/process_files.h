// What /proc says of one process at this moment.
//
// Owns: the open directory /proc and the clocks to read start times by. Process: the agent; needs no
// capability. Trusts: the kernel's files; every answer is of the process that had the pid while it was read.
#pragma once

#include <time.h>

#include <cstdint>
#include <optional>
#include <string>

#include "common/failure.h"
#include "common/tracking/process_info.h"
#include "connector_agent/held_process.h"
#include "connector_agent/proc_stat.h"
#include "connector_agent/process_tree.h"
#include "libxos/unique_fd.h"

namespace xos {

class ProcessFiles {
  public:
    static Outcome<ProcessFiles> open();

    std::optional<ProcStat> stat(int32_t pid) const;
    // Path in the v2 tree; also of a zombie.
    std::optional<std::string> cgroup_path(int32_t pid) const;
    // Empty: no such process, or a zombie without living threads. It is held, where there is room.
    std::optional<ObservedProcess> observe(int32_t pid) const;
    // Empty as above; also without room, which is said in the log once.
    std::optional<HeldProcess> hold(int32_t pid) const;
    // Everything for people. Empty where the process is not tracked's any more.
    std::optional<ProcessInfo> describe(const TrackedProcess& tracked) const;
    // CLOCK_MONOTONIC; the time base of events.
    uint64_t start_ns(const ProcStat& stat) const;

  private:
    std::string read(int32_t pid, const char* name, size_t limit) const;
    std::vector<int32_t> threads(int32_t pid) const;
    UniqueFd proc_;
    uint64_t ticks_per_second_ = 100;
    uint64_t page_size_ = 4096;
    int held_limit_ = 0;
    mutable bool limit_told_ = false;
};

uint64_t clock_ns(clockid_t clock);
uint64_t monotonic_ns();

}  // namespace xos

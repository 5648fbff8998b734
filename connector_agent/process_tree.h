// The processes of one binding, kept by events and corrected by observations.
//
// Owns: what is believed to be alive. Process: the agent. Trusts: the kernel's events, not their
// completeness. Pure: the caller reads /proc and the clock.
//
// Identity is host pid plus start time. A process is over when its last thread is: the leader may go first,
// and a thread that execs takes the leader's id after an exit event in the leader's name.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "connector_agent/proc_event.h"

namespace xos {

struct TrackedProcess {
    int32_t pid = 0;
    int32_t parent_pid = 0;        // 0 = unknown
    uint64_t started_ns = 0;       // CLOCK_MONOTONIC, within kForkDelayNs; 0 = unknown
    std::vector<int32_t> threads;  // living ones except the leader
    bool leader_alive = true;
    bool escaped = false;
    uint64_t missing_since_ns = 0;  // first observation without it; 0 = was there
};

// A process as /proc and the cgroup show it.
struct ObservedProcess {
    int32_t pid = 0;
    int32_t parent_pid = 0;
    uint64_t started_ns = 0;  // CLOCK_MONOTONIC, floor of a clock tick
    std::vector<int32_t> threads;
    bool leader_alive = true;
    bool operator==(const ObservedProcess&) const = default;
};

enum class TreeChangeKind : uint8_t { forked, execed, ended, adopted };

struct TreeChange {
    TreeChangeKind kind;
    int32_t pid = 0;
    int32_t parent_pid = 0;
    std::optional<int32_t> status;  // ended: empty = unknown
};

class ProcessTree {
  public:
    using Changes = std::vector<TreeChange>;

    // Appends what the event changed: nothing, one thing, or two where it reveals an end that was missed.
    void apply(const ProcEvent& event, Changes& changes);
    // Takes in what an observation at now_ns showed. Processes that it did not show are only marked; the
    // caller finds out what became of them, because their exit event may still be queued.
    void observe(std::span<const ObservedProcess> members, uint64_t now_ns, Changes& changes);
    // The process is gone and nobody saw how.
    void end_unknown(int32_t pid, Changes& changes);
    void mark_escaped(int32_t pid);
    // The process is said to be in the binding, but nothing of it was seen yet.
    void expect(int32_t pid, uint64_t now_ns);

    const TrackedProcess* find(int32_t pid) const;
    // Alive in the binding or escaped from it.
    const std::unordered_map<int32_t, TrackedProcess>& processes() const { return processes_; }
    size_t size() const { return processes_.size(); }

  private:
    void apply_fork(const ProcEvent& event, Changes& changes);
    void apply_exec(const ProcEvent& event, Changes& changes);
    void apply_exit(const ProcEvent& event, Changes& changes);
    std::unordered_map<int32_t, TrackedProcess> processes_;
};

}  // namespace xos

// One container's binding: its cgroup, its processes, its counters, its main process.
//
// Owns: the cgroup's directory descriptor and the tree. Process: the agent. Trusts: xosd for what is bound to
// what.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "common/tracking/agent_protocol.h"
#include "connector_agent/process_tree.h"
#include "libxos/unique_fd.h"

namespace xos {

class Binding {
  public:
    Binding(Bind request, UniqueFd cgroup, const TrackingCounters& counters);

    // A message of this binding: counts it and what it changed, which is appended.
    void apply(const ProcEvent& event, ProcessTree::Changes& changes);
    // Counts changes that did not come from a message.
    void record(const ProcessTree::Changes& changes);
    void record_loss(uint64_t messages);
    void record_resync() { ++counters_.resyncs; }
    void set_passed(uint64_t passed) { counters_.passed = passed; }
    void set_exact(bool exact) { counters_.exact = exact; }

    // From now on pid is the main process. It may have ended already.
    void watch_main(int32_t pid, uint64_t now_ns);
    // The main process's end, once per thing to tell: an unknown status may be followed by the known one.
    std::optional<MainExit> take_main_exit();
    // The last process inside has gone, and that is not told yet; the caller verifies with the cgroup.
    bool emptied() const { return emptied_; }
    void clear_emptied() { emptied_ = false; }
    // Nobody is known to be inside; the escaped do not count.
    bool looks_empty() const;

    BindingState state() const;
    const Bind& request() const { return request_; }
    int cgroup() const { return cgroup_.get(); }
    ProcessTree& tree() { return tree_; }
    const ProcessTree& tree() const { return tree_; }
    const TrackingCounters& counters() const { return counters_; }
    bool main_ended() const { return main_ended_; }
    std::optional<int32_t> main_status() const { return main_status_; }

    uint64_t suspected_loss = 0;  // messages missing at the last check; confirmed or cleared by the next
    uint64_t resync_due_ns = 0;   // CLOCK_MONOTONIC; 0 = none planned
    uint64_t unknown_told = 0;    // exit codes already told to be unknown
    LossReason doubt = LossReason::overflow;  // why the next deficit or unknown exit code came about

  private:
    void record_end(const TreeChange& change);
    Bind request_;
    UniqueFd cgroup_;
    ProcessTree tree_;
    TrackingCounters counters_;
    std::deque<TreeChange> ended_;  // the latest, for a main process that is named after its end
    std::optional<TreeChange> first_ended_;
    int32_t first_pid_ = 0;
    bool main_ended_ = false;
    bool main_untold_ = false;
    bool emptied_ = false;
    std::optional<int32_t> main_status_;
};

}  // namespace xos

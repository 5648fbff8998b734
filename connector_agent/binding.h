// One container's binding: its cgroup, its processes, its counters, its journal, its main process.
//
// Owns: the cgroup's directory descriptor, the tree, the journal. Process: the agent. Trusts: xosd for what
// is bound to what.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "common/tracking/agent_protocol.h"
#include "connector_agent/agent_state.h"
#include "connector_agent/journal_writer.h"
#include "connector_agent/process_tree.h"
#include "libxos/unique_fd.h"

namespace xos {

class Binding {
  public:
    // state: of its slot, as a predecessor left it where the request resumes, else empty.
    Binding(Bind request, UniqueFd cgroup, UniqueFd journal, const SlotState& state);

    // A message of this binding: counts it and what it changed, which is appended.
    void apply(const ProcEvent& event, ProcessTree::Changes& changes);
    // Counts and journals changes that did not come from a message.
    void record(const ProcessTree::Changes& changes, uint64_t now_ns);
    void record_loss(uint64_t messages);
    void record_lost(const Lost& loss, uint64_t now_ns);
    void record_resync() { ++state_.counters.resyncs; }
    void set_passed(uint64_t passed) { state_.counters.passed = passed; }
    void set_exact(bool exact) { state_.counters.exact = exact; }

    // A resumed binding begins with an empty tree, although most of its processes are counted already. Until
    // the first reading of the cgroup ends that, no adoption counts; then the numbers are compared.
    bool recovering() const { return recovering_; }
    // What the reading found is all that lives. The others' ends are counted as unknown.
    void end_recovery();

    // From now on pid is the main process. It may have ended already.
    void watch_main(int32_t pid, uint64_t now_ns);
    // Where the tree does not know the main process, which has not ended: its exit may still come.
    bool expect_main(uint64_t now_ns);
    // The main process's end, once per thing to tell: an unknown status may be followed by the known one.
    std::optional<MainExit> take_main_exit();
    // A restored container's processes are there: they are told as what they were before.
    void tell_restored(uint64_t now_ns);
    // The last process inside has gone, and that is not told yet; the caller verifies with the cgroup.
    bool emptied() const { return emptied_; }
    void clear_emptied() { emptied_ = false; }
    // Nobody is known to be inside; the escaped do not count.
    bool looks_empty() const { return tree_.size() == escaped_; }

    // Writes the journal and yields what is to be committed with it. failed: what the journal's file said.
    SlotState make_state(std::optional<Error>& failed);

    BindingState state() const;
    const Bind& request() const { return request_; }
    int cgroup() const { return cgroup_.get(); }
    ProcessTree& tree() { return tree_; }
    const ProcessTree& tree() const { return tree_; }
    const TrackingCounters& counters() const { return state_.counters; }
    bool main_ended() const { return state_.main_ended; }
    std::optional<int32_t> main_status() const;
    bool keeps_journal() const { return journal_.keeps(); }

    uint64_t suspected_loss = 0;  // messages missing at the last check; confirmed or cleared by the next
    uint64_t resync_due_ns = 0;   // CLOCK_MONOTONIC; 0 = none planned
    uint64_t unknown_told = 0;    // exit codes already told to be unknown
    bool changed = false;         // since its state was stored
    bool in_batch = false;        // an event of the batch that is dealt with now is its
    LossReason doubt = LossReason::overflow;  // why the next deficit or unknown exit code came about

  private:
    void count(const TreeChange& change);
    void record_end(const TreeChange& change);
    void set_main_end(std::optional<int32_t> status);
    Bind request_;
    UniqueFd cgroup_;
    ProcessTree tree_;
    SlotState state_;
    JournalWriter journal_;
    std::deque<TreeChange> ended_;  // the latest, for a main process that is named after its end
    std::optional<TreeChange> first_ended_;
    int32_t first_pid_ = 0;
    size_t escaped_ = 0;
    bool main_untold_ = false;
    bool emptied_ = false;
    bool recovering_ = false;
};

}  // namespace xos

// The processes of one binding, kept by events and corrected by observations.
//
// Owns: what is believed to be alive. Process: the agent. Trusts: the kernel's events, not their
// completeness. The caller reads /proc and the clock.
//
// Identity is the inode in pidfs where it is known, else host pid plus start time. A process is over when its
// last thread is: the leader may go first, and a thread that execs takes the leader's id after an exit event
// in the leader's name.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/tracking/event_journal.h"
#include "connector_agent/proc_event.h"
#include "libxos/unique_fd.h"

namespace xos {

using Comm = std::array<char, 16>;  // NUL-terminated where shorter

struct TrackedProcess {
    int32_t pid = 0;
    int32_t parent_pid = 0;     // 0 = unknown
    int32_t container_pid = 0;  // in its innermost pid namespace; 0 = unknown
    uint64_t started_ns = 0;    // CLOCK_MONOTONIC, within kForkDelayNs; 0 = unknown
    uint64_t identity = 0;      // inode in pidfs; 0 = unknown
    Comm comm{};
    std::vector<int32_t> threads;  // living ones except the leader
    bool leader_alive = true;
    bool threaded = false;        // it has had more than one
    bool threads_unsure = false;  // events may have been lost: its end is to be asked for, not counted out
    bool adopted = false;         // known otherwise than by its fork, which may still come
    bool escaped = false;
    // Of the process where the filter told it, else of its threads that have ended, if they agree.
    std::optional<int32_t> last_status;
    bool exit_seen = false;         // a thread has ended
    uint64_t missing_since_ns = 0;  // first reading of the cgroup without it; 0 = was there
    UniqueFd pidfd;                 // where the agent holds it
};

// A process as /proc shows it.
struct ObservedProcess {
    int32_t pid = 0;
    int32_t parent_pid = 0;
    int32_t container_pid = 0;
    uint64_t started_ns = 0;  // CLOCK_MONOTONIC, floor of a clock tick
    uint64_t identity = 0;
    Comm comm{};
    std::vector<int32_t> threads;
    bool leader_alive = true;
    UniqueFd pidfd;  // may be empty
};

// Is seen, by the pid that both have, the process that is known?
bool is_same(const TrackedProcess& known, const ObservedProcess& seen);

// Something that happened, in the words of the journal. bound, restored, lost and cut are not the tree's.
struct TreeChange {
    ProcessEventKind kind = ProcessEventKind::forked;
    int32_t pid = 0;
    int32_t parent_pid = 0;
    int32_t container_pid = 0;
    uint64_t identity = 0;
    std::optional<int32_t> status = {};  // ended: empty = unknown
    uint64_t value = 0;                  // user and group: see event_journal.h
    Comm comm{};
    uint64_t time_ns = 0;  // CLOCK_MONOTONIC; 0 = when it is written
    bool again = false;    // forked: it was adopted before; ended: its end was told before, without a status
    bool escaped = false;  // ended: while it was outside
};

class ProcessTree {
  public:
    using Changes = std::vector<TreeChange>;

    // Appends what the event changed: nothing, one thing, or two where it reveals an end that was missed.
    void apply(const ProcEvent& event, Changes& changes);
    // Pids, identity and name of a known process as /proc shows them.
    void complete(const ObservedProcess& seen);

    // A reading of the cgroup begins: nobody was seen yet.
    void begin_reading(uint64_t now_ns);
    // The cgroup has the very process that is known by this pid. doubt: events of it may have been lost.
    void see(int32_t pid, bool doubt, Changes& changes);
    // The cgroup has this one; whoever had the pid before has ended.
    void observe(ObservedProcess seen, bool doubt, Changes& changes);
    // The process does not live any more, and its end is not known yet.
    void miss(int32_t pid, uint64_t now_ns);
    // The threads of a known process, read again: it is as sure as ever.
    void correct_threads(const ObservedProcess& seen);

    // The process is gone. Without a status nobody saw how.
    void end(int32_t pid, std::optional<int32_t> status, Changes& changes);
    void mark_escaped(int32_t pid, Changes& changes);
    // The process is said to be in the binding, but nothing of it was seen yet.
    void expect(int32_t pid, uint64_t now_ns, Changes& changes);
    void hold(int32_t pid, UniqueFd pidfd, uint64_t identity);

    const TrackedProcess* find(int32_t pid) const;
    // Alive in the binding or escaped from it.
    const std::unordered_map<int32_t, TrackedProcess>& processes() const { return processes_; }
    size_t size() const { return processes_.size(); }
    // Those of which a thread has ended while threads_unsure; each once.
    std::vector<int32_t> take_unsure();
    bool has_unsure() const { return !unsure_.empty(); }

  private:
    void apply_fork(const ProcEvent& event, Changes& changes);
    void apply_exec(const ProcEvent& event, Changes& changes);
    void apply_exit(const ProcEvent& event, Changes& changes);
    void apply_exit_of_unknown(const ProcEvent& event, Changes& changes);
    void apply_other(const ProcEvent& event, Changes& changes);
    static void note_status(TrackedProcess& process, const ProcEvent& event);
    static void learn(TrackedProcess& process, const ProcEvent& event);
    TrackedProcess& find_or_adopt(const ProcEvent& event, Changes& changes);
    TrackedProcess& adopt(const ProcEvent& event, Changes& changes);

    std::unordered_map<int32_t, TrackedProcess> processes_;
    std::vector<int32_t> unsure_;
    std::unordered_map<int32_t, uint64_t> unknown_ends_;  // pid to start of those whose exit may still come
};

}  // namespace xos

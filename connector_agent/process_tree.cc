#include "connector_agent/process_tree.h"

#include <algorithm>
#include <utility>

namespace xos {
namespace {

// /proc tells starts in ticks of 1/100 s at the coarsest, rounded down, and our two clocks are read one after
// the other.
constexpr uint64_t kTickSlackNs = 20'000'000;
// The fork event follows the start time that /proc shows; a preempted parent may take this long in between.
constexpr uint64_t kForkDelayNs = 2'000'000'000;

// Where both instants are of one pid: are they the start of one process?
bool same_start(uint64_t a, uint64_t b) {
    return (a > b ? a - b : b - a) <= kForkDelayNs;
}

}  // namespace

void ProcessTree::apply(const ProcEvent& event, Changes& changes) {
    switch (event.kind) {
        case ProcEventKind::fork:
            return apply_fork(event, changes);
        case ProcEventKind::exec:
            return apply_exec(event, changes);
        case ProcEventKind::exit:
            return apply_exit(event, changes);
        case ProcEventKind::comm:
        case ProcEventKind::other:
            return;
    }
}

void ProcessTree::apply_fork(const ProcEvent& event, Changes& changes) {
    const auto known = processes_.find(event.tgid);
    if (event.pid != event.tgid) {
        if (known == processes_.end()) return;
        auto& threads = known->second.threads;
        if (std::ranges::find(threads, event.pid) == threads.end()) threads.push_back(event.pid);
        return;
    }
    if (known != processes_.end()) {
        if (same_start(known->second.started_ns, event.timestamp_ns)) {
            known->second.parent_pid = event.parent_tgid;
            return;
        }
        end_unknown(event.tgid, changes);
    }
    processes_[event.tgid] = {
        .pid = event.tgid, .parent_pid = event.parent_tgid, .started_ns = event.timestamp_ns};
    changes.push_back({TreeChangeKind::forked, event.tgid, event.parent_tgid, {}});
}

void ProcessTree::apply_exec(const ProcEvent& event, Changes& changes) {
    const auto known = processes_.find(event.tgid);
    if (known == processes_.end()) {
        processes_[event.tgid] = {.pid = event.tgid};
        changes.push_back({TreeChangeKind::adopted, event.tgid, 0, {}});
    } else {
        // whichever thread called it is the leader now, and alone
        known->second.threads.clear();
        known->second.leader_alive = true;
    }
    changes.push_back({TreeChangeKind::execed, event.tgid, 0, {}});
}

void ProcessTree::apply_exit(const ProcEvent& event, Changes& changes) {
    const auto known = processes_.find(event.tgid);
    if (known == processes_.end()) {
        if (event.pid != event.tgid) return;
        // never seen otherwise: it came and went between two looks
        changes.push_back({TreeChangeKind::adopted, event.tgid, 0, {}});
        changes.push_back({TreeChangeKind::ended, event.tgid, 0, event.status});
        return;
    }
    TrackedProcess& process = known->second;
    // the end of an earlier process of that pid, queued since before we read /proc
    if (event.timestamp_ns + kTickSlackNs < process.started_ns) return;
    if (event.pid == event.tgid)
        process.leader_alive = false;
    else
        std::erase(process.threads, event.pid);
    if (process.leader_alive || !process.threads.empty()) return;
    // the status of a process is that of its last thread (kernel/exit.c: synchronize_group_exit)
    changes.push_back({TreeChangeKind::ended, event.tgid, process.parent_pid, event.status});
    processes_.erase(known);
}

void ProcessTree::observe(std::span<const ObservedProcess> members, uint64_t now_ns, Changes& changes) {
    for (auto& [pid, process] : processes_)
        if (process.missing_since_ns == 0) process.missing_since_ns = now_ns;
    for (const ObservedProcess& seen : members) {
        const auto known = processes_.find(seen.pid);
        const bool same =
            known != processes_.end() &&
            (known->second.started_ns == 0 || same_start(known->second.started_ns, seen.started_ns));
        if (!same && known != processes_.end()) end_unknown(seen.pid, changes);
        if (!same) changes.push_back({TreeChangeKind::adopted, seen.pid, seen.parent_pid, {}});
        TrackedProcess& process = processes_[seen.pid];
        process = {.pid = seen.pid,
                   .parent_pid = seen.parent_pid,
                   .started_ns = seen.started_ns,
                   .threads = seen.threads,
                   .leader_alive = seen.leader_alive};
    }
}

void ProcessTree::end_unknown(int32_t pid, Changes& changes) {
    const auto known = processes_.find(pid);
    if (known == processes_.end()) return;
    changes.push_back({TreeChangeKind::ended, pid, known->second.parent_pid, {}});
    processes_.erase(known);
}

void ProcessTree::mark_escaped(int32_t pid) {
    const auto known = processes_.find(pid);
    if (known != processes_.end()) known->second.escaped = true;
}

void ProcessTree::expect(int32_t pid, uint64_t now_ns) {
    processes_.try_emplace(pid, TrackedProcess{.pid = pid, .missing_since_ns = now_ns});
}

const TrackedProcess* ProcessTree::find(int32_t pid) const {
    const auto known = processes_.find(pid);
    return known == processes_.end() ? nullptr : &known->second;
}

}  // namespace xos

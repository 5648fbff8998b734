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
constexpr size_t kUnknownEndsMax = 4096;

// Where both instants are of one pid: are they the start of one process?
bool same_start(uint64_t a, uint64_t b) {
    return (a > b ? a - b : b - a) <= kForkDelayNs;
}

TreeChange describe(ProcessEventKind kind, const TrackedProcess& process) {
    return {.kind = kind,
            .pid = process.pid,
            .parent_pid = process.parent_pid,
            .container_pid = process.container_pid,
            .identity = process.identity,
            .comm = process.comm};
}

uint64_t join_ids(const ProcEvent& event) {
    return static_cast<uint64_t>(event.real_id) << 32 | event.effective_id;
}

}  // namespace

bool is_same(const TrackedProcess& known, const ObservedProcess& seen) {
    if (known.identity != 0 && seen.identity != 0) return known.identity == seen.identity;
    return known.started_ns == 0 || same_start(known.started_ns, seen.started_ns);
}

void ProcessTree::apply(const ProcEvent& event, Changes& changes) {
    const size_t before = changes.size();
    if (event.kind == ProcEventKind::fork)
        apply_fork(event, changes);
    else if (event.kind == ProcEventKind::exec)
        apply_exec(event, changes);
    else if (event.kind == ProcEventKind::exit)
        apply_exit(event, changes);
    else if (event.kind != ProcEventKind::other)
        apply_other(event, changes);
    for (size_t i = before; i < changes.size(); ++i) changes[i].time_ns = event.timestamp_ns;
}

void ProcessTree::apply_fork(const ProcEvent& event, Changes& changes) {
    if (event.pid != event.tgid) {
        TrackedProcess& process = find_or_adopt(event, changes);
        auto& threads = process.threads;
        process.threaded = true;
        if (std::ranges::find(threads, event.pid) == threads.end()) threads.push_back(event.pid);
        return;
    }
    const auto known = processes_.find(event.tgid);
    TreeChange change{.kind = ProcessEventKind::forked, .pid = event.tgid, .parent_pid = event.parent_tgid};
    if (known != processes_.end()) {
        TrackedProcess& process = known->second;
        // a pid whose leader has ended is free again only when all of the process has
        if (process.leader_alive &&
            (process.started_ns == 0 || same_start(process.started_ns, event.timestamp_ns))) {
            process.parent_pid = event.parent_tgid;
            change.container_pid = process.container_pid;
            change.identity = process.identity;
            change.again = std::exchange(process.adopted, false);
            changes.push_back(change);
            return;
        }
        end(event.tgid, process.last_status, changes);
    }
    unknown_ends_.erase(event.tgid);
    processes_[event.tgid] = {
        .pid = event.tgid, .parent_pid = event.parent_tgid, .started_ns = event.timestamp_ns};
    changes.push_back(change);
}

TrackedProcess& ProcessTree::find_or_adopt(const ProcEvent& event, Changes& changes) {
    const auto known = processes_.find(event.tgid);
    return known == processes_.end() ? adopt(event, changes) : known->second;
}

TrackedProcess& ProcessTree::adopt(const ProcEvent& event, Changes& changes) {
    TrackedProcess& process = processes_[event.tgid];
    process = {.pid = event.tgid, .threaded = true, .threads_unsure = true, .adopted = true};
    learn(process, event);
    changes.push_back(describe(ProcessEventKind::adopted, process));
    return process;
}

void ProcessTree::apply_exec(const ProcEvent& event, Changes& changes) {
    TrackedProcess& process = find_or_adopt(event, changes);
    learn(process, event);
    // whichever thread called it is the leader now, and alone
    process.threads.clear();
    process.leader_alive = true;
    process.threads_unsure = process.threaded = process.exit_seen = false;
    process.last_status.reset();
    changes.push_back(describe(ProcessEventKind::execed, process));
}

void ProcessTree::apply_exit(const ProcEvent& event, Changes& changes) {
    const auto known = processes_.find(event.tgid);
    if (known == processes_.end()) return apply_exit_of_unknown(event, changes);
    TrackedProcess& process = known->second;
    // the end of an earlier process of that pid, queued since before we read /proc
    if (event.timestamp_ns + kTickSlackNs < process.started_ns) return;
    learn(process, event);
    if (event.pid == event.tgid)
        process.leader_alive = false;
    else
        std::erase(process.threads, event.pid);
    note_status(process, event);
    const bool over = event.whole && !process.leader_alive;  // the others are ending
    if (process.threads_unsure && !over) return unsure_.push_back(event.tgid);
    if (over && process.threads_unsure) process.threads.clear();
    if (!process.leader_alive && process.threads.empty()) end(event.tgid, process.last_status, changes);
}

// Events of threads come in any order. Where nobody knows better, only a status that they share is believed.
void ProcessTree::note_status(TrackedProcess& process, const ProcEvent& event) {
    if (event.whole || !process.exit_seen)
        process.last_status = event.status;
    else if (process.last_status != event.status)
        process.last_status.reset();
    process.exit_seen = true;
}

void ProcessTree::apply_exit_of_unknown(const ProcEvent& event, Changes& changes) {
    if (event.pid != event.tgid) return;
    const auto told = unknown_ends_.find(event.tgid);
    TreeChange change{.kind = ProcessEventKind::ended, .pid = event.tgid, .status = event.status};
    if (told != unknown_ends_.end() && event.timestamp_ns + kTickSlackNs >= told->second) {
        change.again = true;
        unknown_ends_.erase(told);
        changes.push_back(change);
        return;
    }
    // never seen otherwise: it came and went between two looks, or another thread of it lives on
    TrackedProcess& process = adopt(event, changes);
    process.leader_alive = false;
    note_status(process, event);
    if (event.whole) return end(event.tgid, event.status, changes);
    unsure_.push_back(event.tgid);
}

// What one thread does to itself is not the process's; glibc lets all threads change their ids.
void ProcessTree::apply_other(const ProcEvent& event, Changes& changes) {
    if (event.pid != event.tgid && event.kind != ProcEventKind::core) return;
    TrackedProcess& process = find_or_adopt(event, changes);
    if (event.kind == ProcEventKind::comm) process.comm = event.comm;
    const ProcessEventKind kind = event.kind == ProcEventKind::comm      ? ProcessEventKind::named
                                  : event.kind == ProcEventKind::user    ? ProcessEventKind::user
                                  : event.kind == ProcEventKind::group   ? ProcessEventKind::group
                                  : event.kind == ProcEventKind::session ? ProcessEventKind::session
                                                                         : ProcessEventKind::core;
    TreeChange change = describe(kind, process);
    change.value = join_ids(event);
    changes.push_back(change);
}

void ProcessTree::learn(TrackedProcess& process, const ProcEvent& event) {
    if (event.container_pid == 0) return;
    process.container_pid = event.container_pid;
    process.comm = event.name;
    if (process.identity == 0) process.identity = event.identity;
}

void ProcessTree::complete(const ObservedProcess& seen) {
    const auto known = processes_.find(seen.pid);
    if (known == processes_.end() || !is_same(known->second, seen)) return;
    known->second.container_pid = seen.container_pid;
    known->second.identity = seen.identity;
    known->second.comm = seen.comm;
}

void ProcessTree::begin_reading(uint64_t now_ns) {
    for (auto& [pid, process] : processes_)
        if (process.missing_since_ns == 0) process.missing_since_ns = now_ns;
}

void ProcessTree::see(int32_t pid, bool doubt, Changes& changes) {
    TrackedProcess& process = processes_.at(pid);
    process.missing_since_ns = 0;
    if (doubt) process.threaded = process.threads_unsure = true;
    if (std::exchange(process.escaped, false))
        changes.push_back(describe(ProcessEventKind::returned, process));
}

void ProcessTree::miss(int32_t pid, uint64_t now_ns) {
    const auto known = processes_.find(pid);
    if (known != processes_.end() && known->second.missing_since_ns == 0)
        known->second.missing_since_ns = now_ns;
}

void ProcessTree::observe(ObservedProcess seen, bool doubt, Changes& changes) {
    const auto known = processes_.find(seen.pid);
    const bool same = known != processes_.end() && is_same(known->second, seen);
    if (!same && known != processes_.end()) end(seen.pid, {}, changes);
    TrackedProcess& process = processes_[seen.pid];
    process.pid = seen.pid;
    process.parent_pid = seen.parent_pid;
    process.container_pid = seen.container_pid;
    process.started_ns = seen.started_ns;
    process.identity = seen.identity;
    process.comm = seen.comm;
    if (seen.pidfd) process.pidfd = std::move(seen.pidfd);
    correct_threads(seen);
    if (!same) {
        process.adopted = true;
        unknown_ends_.erase(seen.pid);
        changes.push_back(describe(ProcessEventKind::adopted, process));
    }
    see(seen.pid, doubt && !seen.threads.empty(), changes);
}

void ProcessTree::correct_threads(const ObservedProcess& seen) {
    const auto known = processes_.find(seen.pid);
    if (known == processes_.end()) return;
    known->second.threads = seen.threads;
    known->second.leader_alive = seen.leader_alive;
    known->second.threads_unsure = false;
    if (!seen.threads.empty()) known->second.threaded = true;
}

void ProcessTree::end(int32_t pid, std::optional<int32_t> status, Changes& changes) {
    const auto known = processes_.find(pid);
    if (known == processes_.end()) return;
    TreeChange change = describe(ProcessEventKind::ended, known->second);
    change.status = status;
    change.escaped = known->second.escaped;
    changes.push_back(change);
    if (!status) {
        if (unknown_ends_.size() >= kUnknownEndsMax) unknown_ends_.clear();
        unknown_ends_[pid] = known->second.started_ns;
    }
    processes_.erase(known);
}

void ProcessTree::mark_escaped(int32_t pid, Changes& changes) {
    const auto known = processes_.find(pid);
    if (known == processes_.end() || std::exchange(known->second.escaped, true)) return;
    changes.push_back(describe(ProcessEventKind::escaped, known->second));
}

void ProcessTree::expect(int32_t pid, uint64_t now_ns, Changes& changes) {
    const auto [place, added] =
        processes_.try_emplace(pid, TrackedProcess{.pid = pid, .adopted = true, .missing_since_ns = now_ns});
    if (added) changes.push_back(describe(ProcessEventKind::adopted, place->second));
}

void ProcessTree::hold(int32_t pid, UniqueFd pidfd, uint64_t identity) {
    const auto known = processes_.find(pid);
    if (known == processes_.end()) return;
    if (known->second.identity == 0) known->second.identity = identity;
    if (known->second.identity == identity) known->second.pidfd = std::move(pidfd);
}

const TrackedProcess* ProcessTree::find(int32_t pid) const {
    const auto known = processes_.find(pid);
    return known == processes_.end() ? nullptr : &known->second;
}

std::vector<int32_t> ProcessTree::take_unsure() {
    std::ranges::sort(unsure_);
    const auto twice = std::ranges::unique(unsure_);
    unsure_.erase(twice.begin(), twice.end());
    return std::exchange(unsure_, {});
}

}  // namespace xos

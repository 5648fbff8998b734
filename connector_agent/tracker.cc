#include "connector_agent/tracker.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "common/log.h"
#include "connector_agent/cgroup_members.h"
#include "connector_agent/resync.h"
#include "connector_agent/snapshot.h"

namespace xos {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kPopulatedRetryNs = 20 * kMs;  // the cgroup may count a process that is just leaving
// Who lives this long is held by a pidfd. Sooner would cost every process of a storm two system calls.
constexpr uint64_t kYouthNs = 100 * kMs;
constexpr size_t kEscapedWatched = 64;

}  // namespace

Tracker::Tracker(ProcEventSource source, ProcessFiles files, Send send, BindWaiting bind_waiting)
    : source_(std::move(source)),
      files_(std::move(files)),
      send_(std::move(send)),
      bind_waiting_(std::move(bind_waiting)),
      heartbeat_(source_.state().slot(0)) {}

void Tracker::bind(Bind request, UniqueFd cgroup, UniqueFd journal) {
    const uint32_t serial = request.serial;
    const uint32_t slot = request.slot;
    if (slot == 0 || slot >= XOS_BINDINGS_MAX || find(serial) != nullptr) return;
    if (!request.resume) source_.state().put({.slot = slot, .state = {}});
    const bool resume = request.resume;
    const auto [place, _] = bindings_.try_emplace(serial, std::move(request), std::move(cgroup),
                                                  std::move(journal), source_.state().slot(slot));
    Binding& binding = place->second;
    binding.set_exact(source_.filtered());
    binding.unknown_told = binding.counters().exit_codes_unknown;
    if (resume) binding.doubt = LossReason::agent_restart;
    if (started_) resync_now(binding);
}

void Tracker::watch_main(const WatchMain& request) {
    Binding* binding = find(request.serial);
    if (binding == nullptr || request.pid <= 0) return;
    if (!started_) return binding->watch_main(request.pid, monotonic_ns());  // start() does the rest
    drain();
    resync_now(*binding);
    binding->watch_main(request.pid, monotonic_ns());
    if (binding->request().restored) complete_all(*binding);
    binding->tell_restored(monotonic_ns());
    plan_resync(*binding, kExitEventGraceNs);
    tell_ends(*binding);
    store(*binding);
}

// Who was only held so far: both pids are what a restored process is known by.
void Tracker::complete_all(Binding& binding) {
    std::vector<int32_t> pids;
    for (const auto& [pid, process] : binding.tree().processes())
        if (process.container_pid == 0) pids.push_back(pid);
    for (const int32_t pid : pids)
        if (const auto seen = files_.observe(pid)) binding.tree().complete(*seen);
}

void Tracker::unbind(const Unbind& request) {
    Binding* binding = find(request.serial);
    if (binding == nullptr) return;
    store(*binding);
    due_.erase({binding->resync_due_ns, request.serial});
    std::erase_if(owners_, [&](const auto& entry) { return entry.second == request.serial; });
    std::erase_if(escaped_, [&](const auto& entry) { return entry.second == request.serial; });
    bindings_.erase(request.serial);
}

void Tracker::snapshot(const SnapshotRequest& request) {
    Binding* binding = find(request.serial);
    if (binding == nullptr) {
        send_(
            SnapshotPage{.serial = request.serial, .request = request.request, .last = true, .found = false},
            true);
        return;
    }
    if (started_) {
        binding->set_passed(source_.passed(binding->request().slot));
        drain();
        resync_now(*binding);
        check_binding(*binding);
    }
    for (SnapshotPage& page : describe_binding(*binding, files_, request.request)) {
        page.state_bytes = source_.state().resident_bytes();
        send_(page, true);
    }
}

void Tracker::start() {
    if (started_) return;
    started_ = true;
    bind_waiting_();
    const std::span<const EventMessage> taken = source_.recover();
    heartbeat_ = source_.state().slot(0);
    for (const EventMessage& message : taken) process(message);
    finish_batch(taken.size());
    if (!taken.empty())
        log(Level::notice, "took over messages of a killed agent",
            {{"messages", std::to_string(taken.size())}});
    drain();
    gap_told_ = source_.gap();
    for (auto& [serial, binding] : bindings_) resync_now(binding, true);
    check_equation();
}

void Tracker::send_state() {
    for (auto& [serial, binding] : bindings_) send_(binding.state(), true);
    send_(StateEnd{}, true);
}

Binding* Tracker::find(uint32_t serial) {
    const auto found = bindings_.find(serial);
    return found == bindings_.end() ? nullptr : &found->second;
}

void Tracker::settle(Binding& binding, const ProcessTree::Changes& changes) {
    const uint32_t serial = binding.request().serial;
    for (const TreeChange& change : changes) {
        if (change.kind == ProcessEventKind::escaped) escaped_[change.pid] = serial;
        if (change.kind == ProcessEventKind::returned || change.escaped) escaped_.erase(change.pid);
        if (change.kind == ProcessEventKind::ended) {
            const auto owner = owners_.find(change.pid);
            if (owner != owners_.end() && owner->second == serial) owners_.erase(owner);
        } else if (change.kind == ProcessEventKind::forked || change.kind == ProcessEventKind::adopted) {
            owners_[change.pid] = serial;
            young_.push_back({monotonic_ns() + kYouthNs, serial, change.pid});
        }
    }
    tell_ends(binding);
}

void Tracker::tell_ends(Binding& binding) {
    if (const auto exit = binding.take_main_exit()) send_(*exit, true);
    if (!binding.emptied()) return;
    if (!binding.looks_empty()) return binding.clear_emptied();
    if (is_cgroup_populated(binding.cgroup())) return plan_resync(binding, kPopulatedRetryNs);
    binding.clear_emptied();
    send_(Empty{.serial = binding.request().serial}, true);
}

void Tracker::store(Binding& binding) {
    if (!binding.changed) return;
    std::optional<Error> failed;
    source_.state().put({.slot = binding.request().slot, .state = binding.make_state(failed)});
    note_journal(binding, failed);
}

void Tracker::note_journal(Binding& binding, const std::optional<Error>& failed) {
    if (!failed) return;
    log(Level::error, "events are not kept any more",
        {{"binding", binding.request().job}, {"reason", std::strerror(failed->sys)}});
    send_(Lost{.serial = binding.request().serial, .reason = LossReason::journal, .number_known = false},
          true);
}

void Tracker::resync_now(Binding& binding, bool doubt) {
    due_.erase({binding.resync_due_ns, binding.request().serial});
    binding.resync_due_ns = 0;
    const uint64_t now = monotonic_ns();
    ProcessTree::Changes changes;
    const uint32_t undecided = resync(binding, files_, now, doubt, changes);
    binding.record(changes, now);
    const bool expected = binding.expect_main(now);
    if (binding.recovering()) binding.end_recovery();
    settle(binding, changes);
    if (undecided > 0 || expected) plan_resync(binding, kExitEventGraceNs);
    const uint64_t unknown = binding.counters().exit_codes_unknown - binding.unknown_told;
    binding.unknown_told += unknown;
    if (unknown > 0)
        tell_loss(
            {.serial = binding.request().serial, .reason = binding.doubt, .exit_codes_unknown = unknown});
    store(binding);
}

void Tracker::resync_all(LossReason why) {
    for (auto& [serial, binding] : bindings_) {
        binding.doubt = why;
        binding.record_resync();
        resync_now(binding, true);
    }
}

void Tracker::plan_resync(Binding& binding, uint64_t delay_ns) {
    const uint64_t due = monotonic_ns() + delay_ns;
    if (binding.resync_due_ns != 0 && binding.resync_due_ns <= due) return;
    due_.erase({binding.resync_due_ns, binding.request().serial});
    binding.resync_due_ns = due;
    due_.emplace(due, binding.request().serial);
}

void Tracker::hold_young(uint64_t now) {
    if (young_.empty() || young_.front().due_ns > now) return;
    drain();  // who has ended since is not looked for under a pid that may be another's by now
    while (!young_.empty() && young_.front().due_ns <= now) {
        const Young young = young_.front();
        young_.pop_front();
        Binding* binding = find(young.serial);
        const TrackedProcess* process = binding == nullptr ? nullptr : binding->tree().find(young.pid);
        if (process == nullptr || process->pidfd) continue;
        if (auto held = files_.hold(young.pid))
            binding->tree().hold(young.pid, std::move(held->pidfd), held->identity);
    }
}

void Tracker::run_due() {
    const uint64_t now = monotonic_ns();
    if (check_due_ns_ != 0 && check_due_ns_ <= now) check_equation();
    hold_young(now);
    std::vector<uint32_t> due;
    for (auto next = due_.begin(); next != due_.end() && next->first <= now; ++next)
        due.push_back(next->second);
    if (due.empty()) return;
    drain();
    for (const uint32_t serial : due)
        if (Binding* binding = find(serial)) resync_now(*binding);
}

int Tracker::timeout_ms() const {
    uint64_t due = check_due_ns_;
    if (!due_.empty() && (due == 0 || due_.begin()->first < due)) due = due_.begin()->first;
    // in one go with those that come after it
    if (!young_.empty() && (due == 0 || young_.front().due_ns + kYouthNs < due))
        due = young_.front().due_ns + kYouthNs;
    if (due == 0) return -1;
    const uint64_t now = monotonic_ns();
    return due <= now ? 0 : static_cast<int>(std::min<uint64_t>((due - now) / kMs + 1, 60'000));
}

void Tracker::add_escaped(std::vector<pollfd>& polls) const {
    for (const auto& [pid, serial] : escaped_) {
        if (polls.size() >= kEscapedWatched) return;  // a sweep finds the others
        const auto binding = bindings_.find(serial);
        const TrackedProcess* process =
            binding == bindings_.end() ? nullptr : binding->second.tree().find(pid);
        if (process != nullptr && process->pidfd)
            polls.push_back({.fd = process->pidfd.get(), .events = POLLIN});
    }
}

void Tracker::escaped_ready() {
    std::set<uint32_t> serials;
    for (const auto& [pid, serial] : escaped_) serials.insert(serial);
    drain();
    for (const uint32_t serial : serials)
        if (Binding* binding = find(serial)) resync_now(*binding);
}

}  // namespace xos

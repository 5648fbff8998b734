#include "connector_agent/tracker.h"

#include <algorithm>
#include <vector>

#include "common/log.h"
#include "connector_agent/cgroup_members.h"
#include "connector_agent/resync.h"
#include "connector_agent/snapshot.h"

namespace xos {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kPopulatedRetryNs = 20 * kMs;  // the cgroup may count a process that is just leaving

}  // namespace

Tracker::Tracker(EventSource source, ProcessFiles files, Send send, BindWaiting bind_waiting)
    : source_(std::move(source)),
      files_(std::move(files)),
      send_(std::move(send)),
      bind_waiting_(std::move(bind_waiting)),
      heartbeat_(source_.counters(0)) {}

void Tracker::bind(Bind request, UniqueFd cgroup) {
    const uint32_t serial = request.serial;
    const uint32_t slot = request.slot;
    if (slot == 0 || slot >= XOS_BINDINGS_MAX || find(serial) != nullptr) return;
    if (!request.resume) source_.publish(slot, {});
    const bool resume = request.resume;
    const auto [place, _] =
        bindings_.try_emplace(serial, std::move(request), std::move(cgroup), source_.counters(slot));
    Binding& binding = place->second;
    binding.set_exact(source_.filtered());
    binding.unknown_told = binding.counters().exit_codes_unknown;
    if (resume) binding.doubt = LossReason::agent_restart;
    if (!started_) return;
    resync_now(binding);
    expect_main(binding);
}

void Tracker::expect_main(Binding& binding) {
    const int32_t pid = binding.request().main_pid;
    if (pid == 0 || binding.main_ended() || binding.tree().find(pid) != nullptr) return;
    binding.tree().expect(pid, monotonic_ns());
    plan_resync(binding, kExitEventGraceNs);
}

void Tracker::watch_main(const WatchMain& request) {
    Binding* binding = find(request.serial);
    if (binding == nullptr || request.pid <= 0) return;
    binding->watch_main(request.pid, monotonic_ns());
    plan_resync(*binding, 0);
    tell_ends(*binding);
}

void Tracker::unbind(const Unbind& request) {
    std::erase_if(owners_, [&](const auto& entry) { return entry.second == request.serial; });
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
    binding->set_passed(source_.passed(binding->request().slot));
    if (started_) drain();
    resync_now(*binding);
    check_binding(*binding);
    for (const SnapshotPage& page : describe_binding(*binding, files_, request.request)) send_(page, true);
}

void Tracker::start() {
    if (started_) return;
    started_ = true;
    bind_waiting_();
    const auto [begin, end] = source_.recover();
    heartbeat_ = source_.counters(0);
    for (size_t i = begin; i < end; ++i) process(i);
    if (end > begin)
        log(Level::notice, "took over messages of a killed agent",
            {{"messages", std::to_string(end - begin)}});
    drain();
    gap_told_ = source_.gap();
    for (auto& [serial, binding] : bindings_) {
        resync_now(binding);
        expect_main(binding);
    }
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
        if (change.kind == TreeChangeKind::ended) {
            const auto owner = owners_.find(change.pid);
            if (owner != owners_.end() && owner->second == serial) owners_.erase(owner);
        } else {
            owners_[change.pid] = serial;
        }
        if (!binding.request().stream) continue;
        static_assert(static_cast<int>(TreeChangeKind::adopted) ==
                      static_cast<int>(ProcessEventKind::adopted));
        send_(ProcessEvent{.serial = serial,
                           .kind = static_cast<ProcessEventKind>(change.kind),
                           .pid = change.pid,
                           .parent_pid = change.parent_pid,
                           .status = change.status},
              false);
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

void Tracker::resync_now(Binding& binding) {
    binding.resync_due_ns = 0;
    ProcessTree::Changes changes;
    const ResyncReport report = resync(binding, files_, monotonic_ns(), changes);
    binding.record(changes);
    settle(binding, changes);
    if (binding.request().stream)
        for (const int32_t pid : report.escaped)
            send_(
                ProcessEvent{
                    .serial = binding.request().serial, .kind = ProcessEventKind::escaped, .pid = pid},
                false);
    if (report.undecided > 0) plan_resync(binding, kExitEventGraceNs);
    source_.publish(binding.request().slot, binding.counters());
    const uint64_t unknown = binding.counters().exit_codes_unknown - binding.unknown_told;
    binding.unknown_told += unknown;
    if (unknown > 0)
        tell_loss(
            {.serial = binding.request().serial, .reason = binding.doubt, .exit_codes_unknown = unknown});
}

void Tracker::resync_all() {
    for (auto& [serial, binding] : bindings_) {
        binding.record_resync();
        resync_now(binding);
    }
}

void Tracker::plan_resync(Binding& binding, uint64_t delay_ns) {
    const uint64_t due = monotonic_ns() + delay_ns;
    if (binding.resync_due_ns == 0 || due < binding.resync_due_ns) binding.resync_due_ns = due;
}

void Tracker::run_due() {
    const uint64_t now = monotonic_ns();
    if (check_due_ns_ != 0 && check_due_ns_ <= now) check_equation();
    std::vector<uint32_t> due;
    for (const auto& [serial, binding] : bindings_)
        if (binding.resync_due_ns != 0 && binding.resync_due_ns <= now) due.push_back(serial);
    if (due.empty()) return;
    drain();
    for (const uint32_t serial : due)
        if (Binding* binding = find(serial)) resync_now(*binding);
}

int Tracker::timeout_ms() const {
    uint64_t due = check_due_ns_;
    for (const auto& [serial, binding] : bindings_)
        if (binding.resync_due_ns != 0 && (due == 0 || binding.resync_due_ns < due))
            due = binding.resync_due_ns;
    if (due == 0) return -1;
    const uint64_t now = monotonic_ns();
    return due <= now ? 0 : static_cast<int>(std::min<uint64_t>((due - now) / kMs + 1, 60'000));
}

}  // namespace xos

// The half of Tracker that reads events and checks that none is missing.
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <vector>

#include "common/log.h"
#include "connector_agent/resync.h"
#include "connector_agent/tracker.h"

namespace xos {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kRecheckNs = 5 * kMs;  // a message may be counted but not queued yet
constexpr int kBatchesPerDrain = 1024;
constexpr size_t kSweepsPerTick = 64;
constexpr char kHeartbeatName[] = "xos-connector-a";

Comm comm_of(const xos_origin& origin) {
    Comm comm{};
    std::ranges::copy(origin.comm, comm.begin());
    return comm;
}

}  // namespace

void Tracker::read_events() {
    source_.rest();
    drain();
    if (source_.take_overflow()) check_equation();
}

bool Tracker::drain() {
    bool emptied = false;
    for (int batch = 0; batch < kBatchesPerDrain && !emptied; ++batch) {
        const auto taken = source_.receive();
        if (!taken) {
            log(Level::error, "reading process events failed", {{"reason", taken.error().message}});
            return true;
        }
        for (const EventMessage& message : *taken) process(message);
        finish_batch(taken->size());
        emptied = taken->size() < kBatchMax;
    }
    if (emptied) settle_unsure_threads();
    return emptied;
}

void Tracker::process(const EventMessage& message) {
    const auto event = ProcEventSource::parse(message);
    if (!event || event->kind == ProcEventKind::other) return;
    if (event->kind == ProcEventKind::comm && event->tgid == getpid()) {
        ++heartbeat_.counters.received;
        heard_ = true;
        return;
    }
    std::optional<xos_origin> origin;
    if (Binding* binding = route(*event, origin)) process_for(*binding, *event, origin);
}

// What the message does not say and the filter has seen. The status of a process with threads is not the
// event's.
void Tracker::complete(const Binding& binding, ProcEvent& event, std::optional<xos_origin>& origin) const {
    const TrackedProcess* process = binding.tree().find(event.tgid);
    const bool asks = event.kind == ProcEventKind::exit &&
                      (process == nullptr || process->threaded ||
                       (process->container_pid == 0 && binding.keeps_journal()));  // it has executed nothing
    if (asks && !origin && source_.filtered()) origin = source_.origin(event.tgid);
    // a fork's is its parent's, and the pid may have a new owner
    const bool other =
        process != nullptr && process->identity != 0 && origin && origin->identity != process->identity;
    if (!origin || event.kind == ProcEventKind::fork || other) return;
    event.container_pid = origin->container_pid;
    event.identity = origin->identity;
    event.name = comm_of(*origin);
    // by an event before that, threads may have gone on: such as the one that executed another program
    event.whole = asks && origin->end_ns != 0 && event.timestamp_ns >= origin->end_ns;
    if (event.whole) event.status = origin->status;
}

void Tracker::process_for(Binding& binding, ProcEvent event, std::optional<xos_origin> origin) {
    changes_.clear();
    complete(binding, event, origin);
    binding.apply(event, changes_);
    if (!binding.in_batch) changed_.push_back(binding.request().serial);
    binding.in_batch = true;
    settle(binding, changes_);
}

void Tracker::finish_batch(size_t count) {
    if (count == 0) return;
    std::vector<SlotChange> changes;
    if (std::exchange(heard_, false)) changes.push_back({.slot = 0, .state = heartbeat_});
    for (const uint32_t serial : changed_) {
        Binding* binding = find(serial);
        if (binding == nullptr) continue;
        binding->in_batch = false;
        std::optional<Error> failed;
        changes.push_back({.slot = binding->request().slot, .state = binding->make_state(failed)});
        note_journal(*binding, failed);
        if (binding->tree().has_unsure()) unsure_.push_back(serial);
    }
    changed_.clear();
    source_.state().commit(count, changes);
}

void Tracker::settle_unsure_threads() {
    for (const uint32_t serial : std::exchange(unsure_, {})) {
        Binding* binding = find(serial);
        if (binding == nullptr) continue;
        if (settle_unsure(*binding, files_, monotonic_ns())) plan_resync(*binding, kExitEventGraceNs);
    }
}

// origin is set where somebody will want it: the process is not known, or its journal wants its name.
Binding* Tracker::route(const ProcEvent& event, std::optional<xos_origin>& origin) {
    const bool new_process = event.kind == ProcEventKind::fork && event.pid == event.tgid;
    const auto owner = owners_.find(new_process ? event.parent_tgid : event.tgid);
    Binding* known = owner == owners_.end() ? nullptr : find(owner->second);
    if (!source_.filtered()) return known != nullptr ? known : route_by_cgroup(event.tgid);
    if (known == nullptr || (event.kind == ProcEventKind::exec && known->keeps_journal()))
        origin = source_.origin(new_process ? event.parent_tgid : event.tgid);
    if (known == nullptr && !origin && new_process) origin = source_.origin(event.tgid);
    if (known != nullptr || !origin) return known;
    if (Binding* binding = find(origin->serial)) return binding;
    bind_waiting_();
    return find(origin->serial);
}

Binding* Tracker::route_by_cgroup(int32_t pid) {
    const auto path = files_.cgroup_path(pid);
    if (!path) return nullptr;
    for (auto& [serial, binding] : bindings_)
        if (is_inside(*path, binding.request().path)) return &binding;
    return nullptr;
}

void Tracker::tick() {
    if (!started_) return;
    prctl(PR_SET_NAME, kHeartbeatName);
    const bool emptied = drain();
    const bool overflow = source_.take_overflow();
    if (emptied) check_heartbeat(overflow);
    check_gap();
    check_equation();
    sweep();
}

void Tracker::check_heartbeat(bool overflow) {
    const uint64_t beats = std::max(source_.passed(0), heartbeat_.counters.received);
    const bool heard = beats != beats_known_;
    beats_known_ = beats;
    const uint64_t now = monotonic_ns();
    if (!heard && !overflow) {
        if (silent_since_ns_ == 0) {
            silent_since_ns_ = now;
            log(Level::warning, "the kernel sends no process events", {});
        }
        send_(Silence{.silent = true,
                      .seconds = static_cast<uint32_t>((now - silent_since_ns_) / (1000 * kMs))},
              true);
        return;
    }
    if (silent_since_ns_ == 0 || !heard) return;
    const auto seconds = static_cast<uint32_t>((now - silent_since_ns_) / (1000 * kMs)) + 1;
    silent_since_ns_ = 0;
    send_(Silence{.silent = false, .seconds = seconds}, true);
    tell_loss({.reason = LossReason::silence, .number_known = false});
    resync_all(LossReason::silence);
}

void Tracker::check_gap() {
    const uint64_t gap = source_.gap();
    if (gap <= gap_told_) return;
    tell_loss({.reason = LossReason::kernel_gap, .events = gap - gap_told_});
    gap_told_ = gap;
    resync_all(LossReason::kernel_gap);
}

void Tracker::check_equation() {
    check_due_ns_ = 0;
    // what passes from here on is not looked at: it may not have been read when we compare
    for (auto& [serial, binding] : bindings_) binding.set_passed(source_.passed(binding.request().slot));
    if (!drain()) {
        check_due_ns_ = monotonic_ns() + kRecheckNs;
        return;
    }
    for (auto& [serial, binding] : bindings_) check_binding(binding);
}

void Tracker::check_binding(Binding& binding) {
    if (!source_.filtered()) return;
    const TrackingCounters& counters = binding.counters();
    const uint64_t known = counters.received + counters.lost;
    const uint64_t deficit = counters.passed > known ? counters.passed - known : 0;
    const uint64_t confirmed = std::min(deficit, binding.suspected_loss);
    binding.suspected_loss = confirmed > 0 ? 0 : deficit;
    if (deficit == 0) {
        if (binding.resync_due_ns == 0) binding.doubt = LossReason::overflow;
        return;
    }
    check_due_ns_ = monotonic_ns() + kRecheckNs;
    if (confirmed == 0) return;
    binding.record_loss(confirmed);
    binding.record_resync();
    tell_loss({.serial = binding.request().serial, .reason = binding.doubt, .events = confirmed});
    resync_now(binding, true);
}

void Tracker::sweep() {
    if (bindings_.empty()) return;
    std::vector<uint32_t> serials;
    for (const auto& [serial, binding] : bindings_) serials.push_back(serial);
    const size_t count = std::min(serials.size(), kSweepsPerTick);
    for (size_t i = 0; i < count; ++i) {
        sweep_next_ = (sweep_next_ + 1) % static_cast<uint32_t>(serials.size());
        resync_now(bindings_.at(serials[sweep_next_]));
    }
}

void Tracker::tell_loss(const Lost& loss) {
    log(Level::warning, "process events were lost",
        {{"reason", loss_reason_name(loss.reason)},
         {"binding", std::to_string(loss.serial)},
         {"events", loss.number_known ? std::to_string(loss.events) : "unknown"},
         {"exit-codes-unknown", std::to_string(loss.exit_codes_unknown)}});
    const uint64_t now = monotonic_ns();
    for (auto& [serial, binding] : bindings_)
        if (loss.serial == 0 || loss.serial == serial) binding.record_lost(loss, now);
    send_(loss, true);
}

}  // namespace xos

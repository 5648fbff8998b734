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
constexpr size_t kBusyBatch = 8;          // from here on waiting a little saves more than it delays
constexpr long kCoalesceNs = 500'000;
constexpr int kBatchesPerDrain = 1024;
constexpr size_t kSweepsPerTick = 64;
constexpr char kHeartbeatName[] = "xos-connector-a";

std::string to_text(LossReason reason) {
    switch (reason) {
        case LossReason::overflow:
            return "overflow";
        case LossReason::kernel_gap:
            return "kernel-gap";
        case LossReason::silence:
            return "silence";
        case LossReason::agent_restart:
            return "agent-restart";
        case LossReason::stream_full:
            return "stream-full";
    }
    return "?";
}

}  // namespace

void Tracker::read_events() {
    if (last_batch_ >= kBusyBatch) {
        const timespec pause{.tv_sec = 0, .tv_nsec = kCoalesceNs};
        nanosleep(&pause, nullptr);
    }
    drain();
    if (source_.take_overflow()) check_equation();
}

bool Tracker::drain() {
    for (int batch = 0; batch < kBatchesPerDrain; ++batch) {
        const auto count = source_.receive();
        if (!count) {
            log(Level::error, "reading process events failed", {{"reason", count.error().message}});
            return true;
        }
        if (*count == 0) return true;
        last_batch_ = *count;
        for (size_t i = 0; i < *count; ++i) process(i);
    }
    return false;
}

void Tracker::process(size_t index) {
    const auto event = source_.event(index);
    if (!event || event->kind == ProcEventKind::other) return source_.discard(index);
    if (event->kind == ProcEventKind::comm) {
        if (event->tgid != getpid()) return source_.discard(index);
        ++heartbeat_.received;
        return source_.commit(index, 0, heartbeat_);
    }
    Binding* binding = route(*event);
    if (binding == nullptr) return source_.discard(index);
    process_for(*binding, index, *event);
}

void Tracker::process_for(Binding& binding, size_t index, const ProcEvent& event) {
    ProcessTree::Changes changes;
    binding.apply(event, changes);
    settle(binding, changes);
    source_.commit(index, binding.request().slot, binding.counters());
}

Binding* Tracker::route(const ProcEvent& event) {
    const bool new_process = event.kind == ProcEventKind::fork && event.pid == event.tgid;
    const auto owner = owners_.find(new_process ? event.parent_tgid : event.tgid);
    if (owner != owners_.end()) {
        if (Binding* binding = find(owner->second)) return binding;
    }
    if (!source_.filtered()) return route_by_cgroup(event.tgid);
    const uint32_t serial = source_.origin(event.tgid);
    if (serial == 0) return nullptr;
    if (Binding* binding = find(serial)) return binding;
    bind_waiting_();
    return find(serial);
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
    const uint64_t beats = std::max(source_.passed(0), heartbeat_.received);
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
    for (auto& [serial, binding] : bindings_) binding.doubt = LossReason::silence;
    resync_all();
}

void Tracker::check_gap() {
    const uint64_t gap = source_.gap();
    if (gap <= gap_told_) return;
    tell_loss({.reason = LossReason::kernel_gap, .events = gap - gap_told_});
    gap_told_ = gap;
    for (auto& [serial, binding] : bindings_) binding.doubt = LossReason::kernel_gap;
    resync_all();
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
    resync_now(binding);
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
        {{"reason", to_text(loss.reason)},
         {"binding", std::to_string(loss.serial)},
         {"events", loss.number_known ? std::to_string(loss.events) : "unknown"},
         {"exit-codes-unknown", std::to_string(loss.exit_codes_unknown)}});
    send_(loss, true);
}

}  // namespace xos

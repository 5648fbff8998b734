#include "connector_agent/binding.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "connector_agent/process_files.h"

namespace xos {
namespace {

constexpr size_t kEndedKept = 256;

EventRecord make_beginning() {
    const uint64_t monotonic = monotonic_ns();
    return {.monotonic_ns = monotonic,
            .value = clock_ns(CLOCK_REALTIME) - monotonic,
            .kind = ProcessEventKind::bound};
}

}  // namespace

Binding::Binding(Bind request, UniqueFd cgroup, UniqueFd journal, const SlotState& state)
    : request_(std::move(request)),
      cgroup_(std::move(cgroup)),
      state_(state),
      journal_(std::move(journal), request_.resume ? std::optional(state.journal_bytes) : std::nullopt),
      recovering_(request_.resume) {
    if (request_.main_pid == 0) request_.main_pid = state_.main_pid;
    state_.main_pid = request_.main_pid;
    journal_.append(make_beginning());
    changed = true;
}

std::optional<int32_t> Binding::main_status() const {
    return state_.main_known ? std::optional(state_.main_status) : std::nullopt;
}

void Binding::apply(const ProcEvent& event, ProcessTree::Changes& changes) {
    ++state_.counters.received;
    changed = true;
    const size_t before = changes.size();
    tree_.apply(event, changes);
    for (size_t i = before; i < changes.size(); ++i) {
        count(changes[i]);
        journal_.append(changes[i], event.timestamp_ns);
    }
}

void Binding::record(const ProcessTree::Changes& changes, uint64_t now_ns) {
    for (const TreeChange& change : changes) {
        count(change);
        journal_.append(change, now_ns);
    }
    if (!changes.empty()) changed = true;
}

void Binding::count(const TreeChange& change) {
    TrackingCounters& c = state_.counters;
    if (first_pid_ == 0) first_pid_ = change.pid;
    switch (change.kind) {
        case ProcessEventKind::forked:
            ++c.forks;
            if (change.again && c.adopted > 0) --c.adopted;
            break;
        case ProcessEventKind::adopted:
            if (!recovering_) ++c.adopted;
            break;
        case ProcessEventKind::execed:
            ++c.execs;
            break;
        case ProcessEventKind::escaped:
            ++escaped_;
            break;
        case ProcessEventKind::returned:
            --escaped_;
            break;
        case ProcessEventKind::ended:
            return record_end(change);
        default:
            break;
    }
    c.peak = std::max(c.peak, living_processes(c));
    if (change.kind == ProcessEventKind::escaped && looks_empty()) emptied_ = true;
}

void Binding::record_end(const TreeChange& change) {
    TrackingCounters& c = state_.counters;
    ++(change.status ? c.exits : c.exit_codes_unknown);
    if (change.again && c.exit_codes_unknown > 0) --c.exit_codes_unknown;
    if (change.escaped) --escaped_;
    if (change.pid == first_pid_ && !first_ended_) first_ended_ = change;
    ended_.push_back(change);
    if (ended_.size() > kEndedKept) ended_.pop_front();
    if (looks_empty()) emptied_ = true;
    if (change.pid == request_.main_pid) set_main_end(change.status);
}

void Binding::set_main_end(std::optional<int32_t> status) {
    if (state_.main_ended && (state_.main_known || !status)) return;
    state_.main_ended = true;
    state_.main_known = status.has_value();
    state_.main_status = status.value_or(0);
    main_untold_ = true;
    changed = true;
}

void Binding::end_recovery() {
    recovering_ = false;
    TrackingCounters& c = state_.counters;
    const uint64_t believed = living_processes(c);
    const uint64_t found = tree_.size();
    if (found > believed) c.adopted += found - believed;
    if (believed > found) c.exit_codes_unknown += believed - found;
    c.peak = std::max(c.peak, found);
    changed = true;
}

void Binding::record_loss(uint64_t messages) {
    // what is lost counts as dealt with, so that the equation holds again from here
    state_.counters.lost += messages;
    changed = true;
}

void Binding::record_lost(const Lost& loss, uint64_t now_ns) {
    if (loss.events == 0 && loss.number_known) return;
    journal_.append(EventRecord{.monotonic_ns = now_ns,
                                .value = loss.events,
                                .status = static_cast<int32_t>(loss.reason),
                                .kind = ProcessEventKind::lost,
                                .flags = loss.number_known ? uint8_t{0} : uint8_t{kNumberUnknown}});
    changed = true;
}

void Binding::watch_main(int32_t pid, uint64_t now_ns) {
    if (request_.main_pid == pid) return;
    request_.main_pid = state_.main_pid = pid;
    changed = true;
    if (tree_.find(pid) != nullptr) return;
    const auto ended = std::ranges::find(ended_.rbegin(), ended_.rend(), pid, &TreeChange::pid);
    const TreeChange* end = ended != ended_.rend() ? &*ended : nullptr;
    if (end == nullptr && first_ended_ && first_ended_->pid == pid) end = &*first_ended_;
    if (end == nullptr)
        expect_main(now_ns);
    else
        set_main_end(end->status);
}

bool Binding::expect_main(uint64_t now_ns) {
    const int32_t pid = request_.main_pid;
    if (pid == 0 || state_.main_ended || tree_.find(pid) != nullptr) return false;
    ProcessTree::Changes changes;
    tree_.expect(pid, now_ns, changes);
    record(changes, now_ns);
    return true;
}

std::optional<MainExit> Binding::take_main_exit() {
    if (!std::exchange(main_untold_, false)) return std::nullopt;
    return MainExit{.serial = request_.serial, .pid = request_.main_pid, .status = main_status()};
}

void Binding::tell_restored(uint64_t now_ns) {
    if (!std::exchange(request_.restored, false)) return;
    for (const auto& [pid, process] : tree_.processes())
        journal_.append(EventRecord{.monotonic_ns = now_ns,
                                    .identity = process.identity,
                                    .pid = pid,
                                    .parent = process.parent_pid,
                                    .container_pid = process.container_pid,
                                    .kind = ProcessEventKind::restored,
                                    .comm = process.comm});
    changed = true;
}

SlotState Binding::make_state(std::optional<Error>& failed) {
    if (const auto written = journal_.write(); !written) failed = written.error();
    state_.journal_bytes = journal_.end();
    changed = false;
    return state_;
}

BindingState Binding::state() const {
    return {.binding = request_,
            .main_ended = state_.main_ended,
            .main_status = main_status(),
            .alive = static_cast<uint32_t>(tree_.size()),
            .counters = state_.counters};
}

}  // namespace xos

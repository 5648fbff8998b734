#include "connector_agent/binding.h"

#include <algorithm>
#include <utility>

namespace xos {
namespace {

constexpr size_t kEndedKept = 256;

}  // namespace

Binding::Binding(Bind request, UniqueFd cgroup, const TrackingCounters& counters)
    : request_(std::move(request)), cgroup_(std::move(cgroup)), counters_(counters) {}

void Binding::apply(const ProcEvent& event, ProcessTree::Changes& changes) {
    ++counters_.received;
    if (event.kind == ProcEventKind::fork && event.pid == event.tgid) ++counters_.forks;
    if (event.kind == ProcEventKind::exec) ++counters_.execs;
    const size_t before = changes.size();
    tree_.apply(event, changes);
    record({changes.begin() + static_cast<ptrdiff_t>(before), changes.end()});
}

void Binding::record(const ProcessTree::Changes& changes) {
    for (const TreeChange& change : changes) {
        if (first_pid_ == 0) first_pid_ = change.pid;
        if (change.kind == TreeChangeKind::adopted) ++counters_.adopted;
        if (change.kind == TreeChangeKind::ended) record_end(change);
    }
}

void Binding::record_end(const TreeChange& change) {
    ++(change.status ? counters_.exits : counters_.exit_codes_unknown);
    if (change.pid == first_pid_ && !first_ended_) first_ended_ = change;
    ended_.push_back(change);
    if (ended_.size() > kEndedKept) ended_.pop_front();
    if (looks_empty()) emptied_ = true;
    if (change.pid != request_.main_pid || (main_ended_ && (main_status_ || !change.status))) return;
    main_ended_ = true;
    main_untold_ = true;
    main_status_ = change.status;
}

void Binding::record_loss(uint64_t messages) {
    // what is lost counts as dealt with, so that the equation holds again from here
    counters_.lost += messages;
}

void Binding::watch_main(int32_t pid, uint64_t now_ns) {
    if (request_.main_pid == pid) return;
    request_.main_pid = pid;
    if (tree_.find(pid) != nullptr) return;
    const auto ended = std::ranges::find(ended_.rbegin(), ended_.rend(), pid, &TreeChange::pid);
    const TreeChange* end = ended != ended_.rend() ? &*ended : nullptr;
    if (end == nullptr && first_ended_ && first_ended_->pid == pid) end = &*first_ended_;
    if (end == nullptr) return tree_.expect(pid, now_ns);
    main_ended_ = true;
    main_untold_ = true;
    main_status_ = end->status;
}

std::optional<MainExit> Binding::take_main_exit() {
    if (!std::exchange(main_untold_, false)) return std::nullopt;
    return MainExit{.serial = request_.serial, .pid = request_.main_pid, .status = main_status_};
}

bool Binding::looks_empty() const {
    return std::ranges::all_of(tree_.processes(), [](const auto& entry) { return entry.second.escaped; });
}

BindingState Binding::state() const {
    return {.binding = request_,
            .main_ended = main_ended_,
            .main_status = main_status_,
            .alive = static_cast<uint32_t>(tree_.size()),
            .counters = counters_};
}

}  // namespace xos

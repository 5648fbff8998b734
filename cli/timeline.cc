#include "cli/timeline.h"

#include <sys/wait.h>

#include <algorithm>
#include <utility>

namespace xos {
namespace {

Ending ending_of(int32_t status) {
    if (!WIFEXITED(status)) return Ending::signal;
    return WEXITSTATUS(status) == 0 ? Ending::zero : Ending::code;
}

// The places of bars in tree order. No recursion: a job may make a chain as long as it likes.
std::vector<uint32_t> tree_order(const std::vector<ProcessBar>& bars) {
    // children as linked lists, the youngest first: a stack then yields the eldest first
    std::vector<uint32_t> youngest(bars.size(), kNoBar), elder(bars.size(), kNoBar), next, order;
    for (uint32_t i = 0; i < bars.size(); ++i)
        if (bars[i].parent != kNoBar) elder[i] = std::exchange(youngest[bars[i].parent], i);
    for (uint32_t i = static_cast<uint32_t>(bars.size()); i-- > 0;)
        if (bars[i].parent == kNoBar) next.push_back(i);
    while (!next.empty()) {
        const uint32_t bar = next.back();
        next.pop_back();
        order.push_back(bar);
        for (uint32_t child = youngest[bar]; child != kNoBar; child = elder[child]) next.push_back(child);
    }
    return order;
}

void arrange(std::vector<ProcessBar>& bars) {
    const std::vector<uint32_t> order = tree_order(bars);
    std::vector<uint32_t> place(bars.size());
    std::vector<ProcessBar> arranged;
    arranged.reserve(bars.size());
    for (const uint32_t old : order) {
        place[old] = static_cast<uint32_t>(arranged.size());
        ProcessBar& bar = arranged.emplace_back(std::move(bars[old]));
        if (bar.parent == kNoBar) continue;
        bar.parent = place[bar.parent];
        bar.depth = arranged[bar.parent].depth + 1;
    }
    for (size_t i = arranged.size(); i-- > 0;)
        if (arranged[i].parent != kNoBar)
            arranged[arranged[i].parent].descendants += arranged[i].descendants + 1;
    bars = std::move(arranged);
}

uint32_t peak_of(const std::vector<ProcessBar>& bars) {
    std::vector<std::pair<int64_t, int>> changes;  // at one moment those that end make room first
    for (const ProcessBar& bar : bars) {
        changes.emplace_back(bar.from, 1);
        changes.emplace_back(std::max(bar.to, bar.from + 1), -1);
    }
    std::ranges::sort(changes);
    int alive = 0, peak = 0;
    for (const auto& [time, change] : changes) peak = std::max(peak, alive += change);
    return static_cast<uint32_t>(peak);
}

}  // namespace

// What is alive then is found again, and told; who is not has ended, nobody saw how.
void TimelineBuilder::begin_anew(int64_t time) {
    close_doubtful();
    for (const auto& [pid, place] : live_) doubtful_.insert(pid);
    doubt_time_ = time;
}

void TimelineBuilder::close_doubtful() {
    for (const int64_t pid : std::exchange(doubtful_, {})) {
        ProcessBar& bar = timeline_.bars[live_.at(pid)];
        bar.to = std::max(bar.from, doubt_time_);
        live_.erase(pid);
    }
}

ProcessBar& TimelineBuilder::begin(const EventView& event, bool seen_start) {
    if (const auto earlier = live_.find(event.pid); earlier != live_.end()) {
        // its pid has passed to another: nobody saw it end
        timeline_.bars[earlier->second].to = doubtful_.erase(event.pid) != 0 ? doubt_time_ : event.time;
        live_.erase(earlier);
    }
    const auto parent = live_.find(event.parent);
    const auto place = static_cast<uint32_t>(timeline_.bars.size());
    ProcessBar& bar = timeline_.bars.emplace_back();
    bar.pid = event.pid;
    bar.parent_pid = event.parent;
    bar.container_pid = event.container_pid;
    bar.from = bar.to = event.time;
    bar.seen_start = seen_start;
    if (parent != live_.end()) bar.parent = parent->second;
    if (!event.comm.empty())
        rename(bar, event, false);
    else if (parent != live_.end() && !timeline_.bars[parent->second].names.empty())
        bar.names.push_back({event.time, timeline_.bars[parent->second].name(), false});
    live_[event.pid] = place;
    return bar;
}

// The checkpointer has made it, maybe with forks that were told.
void TimelineBuilder::restore(ProcessBar& bar, const EventView& event) {
    if (bar.names.empty()) rename(bar, event, false);
    bar.restored = bar.seen_start = true;
}

// One that was found before its fork was read is the same process.
void TimelineBuilder::fork(const EventView& event) {
    const auto known = live_.find(event.pid);
    if (known == live_.end() || timeline_.bars[known->second].seen_start || doubtful_.contains(event.pid))
        begin(event, true);
    else
        timeline_.bars[known->second].seen_start = true;
}

ProcessBar& TimelineBuilder::bar_of(const EventView& event) {
    const auto known = live_.find(event.pid);
    doubtful_.erase(event.pid);
    // nobody told of its beginning
    ProcessBar& bar = known == live_.end() ? begin(event, false) : timeline_.bars[known->second];
    if (bar.container_pid == 0) bar.container_pid = event.container_pid;
    if (bar.parent_pid == 0) bar.parent_pid = event.parent;
    return bar;
}

void TimelineBuilder::rename(ProcessBar& bar, const EventView& event, bool exec) {
    bar.execs += exec ? 1 : 0;
    if (event.comm.empty()) return;
    if (bar.names.size() == kNamesKept) bar.names.pop_back();  // the first ones and the last
    bar.names.push_back({event.time, event.comm, exec});
}

void TimelineBuilder::end(const EventView& event) {
    ProcessBar& bar = bar_of(event);
    bar.to = std::max(bar.from, event.time);
    bar.wait_status = event.wait_status;
    bar.ending = event.wait_status ? ending_of(*event.wait_status) : Ending::unknown;
    for (Escape& escape : bar.escapes)
        if (escape.to == 0) escape.to = bar.to;
    live_.erase(event.pid);
}

void TimelineBuilder::add(const EventView& event) {
    timeline_.from = timeline_.from == 0 ? event.time : std::min(timeline_.from, event.time);
    timeline_.to = std::max(timeline_.to, event.time);
    if (event.kind == ProcessEventKind::lost)
        timeline_.losses.push_back({event.time, event.number, event.reason});
    if (event.kind == ProcessEventKind::cut) timeline_.cut = event.time;
    if (event.kind == ProcessEventKind::bound) begin_anew(event.time);
    if (!event.kind || event.pid == 0) return;
    switch (*event.kind) {
        case ProcessEventKind::forked:
            fork(event);
            break;
        case ProcessEventKind::adopted:
            // one that is known already was only found again
            if (ProcessBar& bar = bar_of(event); bar.names.empty()) rename(bar, event, false);
            break;
        case ProcessEventKind::restored:
            restore(bar_of(event), event);
            break;
        case ProcessEventKind::execed:
            rename(bar_of(event), event, true);
            break;
        case ProcessEventKind::named:
            rename(bar_of(event), event, false);
            break;
        case ProcessEventKind::ended:
            end(event);
            break;
        case ProcessEventKind::escaped:
            if (ProcessBar& bar = bar_of(event); bar.escapes.size() < kEscapesKept)
                bar.escapes.push_back({event.time, 0});
            break;
        case ProcessEventKind::returned:
            if (ProcessBar& bar = bar_of(event); !bar.escapes.empty()) bar.escapes.back().to = event.time;
            break;
        default:
            break;
    }
}

Timeline TimelineBuilder::finish(int64_t until, bool alive) {
    close_doubtful();
    Timeline done = std::exchange(timeline_, {});
    // an end of the job is known in seconds: where all was seen the last event is better
    if (!live_.empty() || done.cut) done.to = std::max(done.to, until);
    for (const auto& [pid, place] : std::exchange(live_, {})) {
        ProcessBar& bar = done.bars[place];
        bar.to = std::max(bar.from, done.cut ? std::min(*done.cut, done.to) : done.to);
        bar.ending = alive && !done.cut ? Ending::alive : Ending::unknown;
        for (Escape& escape : bar.escapes)
            if (escape.to == 0) escape.to = bar.to;
    }
    for (const ProcessBar& bar : done.bars) ++done.endings[static_cast<size_t>(bar.ending)];
    done.peak = peak_of(done.bars);
    arrange(done.bars);
    return done;
}

}  // namespace xos

// Events as xosd tells them, for tests of what is made of them. Process: tests only. Trusts: its caller.
#pragma once

#include "cli/timeline.h"

namespace xos::test {

// Milliseconds after the beginning of every test's job.
constexpr int64_t at(int64_t milliseconds) {
    return 1'796'000'000'000'000 + 1000 * milliseconds;
}

inline EventView event_at(int64_t milliseconds, ProcessEventKind kind, int64_t pid) {
    EventView event;
    event.time = at(milliseconds);
    event.kind = kind;
    event.event = process_event_name(kind);
    event.pid = pid;
    return event;
}
inline EventView fork_at(int64_t milliseconds, int64_t pid, int64_t parent) {
    EventView event = event_at(milliseconds, ProcessEventKind::forked, pid);
    event.parent = parent;
    return event;
}
inline EventView name_at(int64_t milliseconds, ProcessEventKind kind, int64_t pid, std::string comm) {
    EventView event = event_at(milliseconds, kind, pid);
    event.comm = std::move(comm);
    return event;
}
inline EventView end_at(int64_t milliseconds, int64_t pid, std::optional<int32_t> status) {
    EventView event = event_at(milliseconds, ProcessEventKind::ended, pid);
    event.wait_status = status;
    return event;
}

inline Timeline timeline_of(const std::vector<EventView>& events, int64_t until = 0, bool alive = false) {
    TimelineBuilder builder;
    for (const EventView& event : events) builder.add(event);
    return builder.finish(until, alive);
}

}  // namespace xos::test

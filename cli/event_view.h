// What happened to a job's processes, as text for a person.
//
// Owns: the reading of org.xtreemos.Job.Subscribe replies and the lines of xos events. Pure.
// Process: the xos command. Trusts: nothing in a process's name: control characters are shown as '?'.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/json.h"
#include "common/tracking/event_journal.h"

namespace xos {

struct EventView {
    int64_t time = 0;                                // microseconds since 1970
    std::optional<ProcessEventKind> kind;            // nothing: one of a later xosd
    std::string event;                               // its name
    int64_t pid = 0, parent = 0, container_pid = 0;  // 0: unknown
    std::optional<int32_t> wait_status;
    std::optional<int64_t> uid, effective_uid, gid, effective_gid, number;
    std::string comm, reason;
};

Outcome<EventView> read_event_view(const JsonNode& node);

// The lines of one job's events, which are handed over in order: a process's name is known from the events
// before.
class EventLines {
  public:
    static std::string header();
    // One line, with its end.
    std::string format(const EventView& event);

  private:
    std::string name_after(const EventView& event);

    std::unordered_map<int64_t, std::string> names_;  // by pid, of those that live
};

}  // namespace xos

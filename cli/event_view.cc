#include "cli/event_view.h"

#include "cli/clock_text.h"
#include "cli/job_view.h"
#include "cli/reply_fields.h"

namespace xos {
namespace {

std::optional<ProcessEventKind> kind_of(const std::string& name) {
    for (int kind = 1; kind <= static_cast<int>(kProcessEventKindLast); ++kind)
        if (name == process_event_name(static_cast<ProcessEventKind>(kind)))
            return static_cast<ProcessEventKind>(kind);
    return {};
}

std::string time_text(int64_t time) {
    return compose("{}.{:03}", clock_text(static_cast<uint64_t>(time / 1'000'000)), time / 1000 % 1000);
}

std::string with_parent(const EventView& event) {
    return event.parent == 0 ? event.event : compose("{} parent {}", event.event, event.parent);
}

std::string ids_text(const std::string& what, const std::optional<int64_t>& real,
                     const std::optional<int64_t>& effective) {
    std::string text = real ? compose("{} {}", what, *real) : what;
    if (effective && effective != real) text += compose(" effective {}", *effective);
    return text;
}

std::string loss_text(const EventView& event) {
    const std::string reason = event.reason.empty() ? "" : compose(" ({})", plain(event.reason));
    if (!event.number) return compose("lost events, how many is not known{}", reason);
    return compose("lost {} event{}{}", *event.number, *event.number == 1 ? "" : "s", reason);
}

std::string what_happened(const EventView& event) {
    if (!event.kind) return plain(event.event + (event.reason.empty() ? "" : " " + event.reason));
    switch (*event.kind) {
        case ProcessEventKind::bound:
            return "tracking begins";
        case ProcessEventKind::forked:
        case ProcessEventKind::adopted:
        case ProcessEventKind::restored:
            return with_parent(event);
        case ProcessEventKind::execed:
            return "exec " + plain(event.comm);
        case ProcessEventKind::ended:
            return event.wait_status ? describe_status(*event.wait_status)
                                     : "exit, how it ended is not known";
        case ProcessEventKind::escaped:
            return "escaped from the job";
        case ProcessEventKind::returned:
            return "returned to the job";
        case ProcessEventKind::user:
            return ids_text("uid", event.uid, event.effective_uid);
        case ProcessEventKind::group:
            return ids_text("gid", event.gid, event.effective_gid);
        case ProcessEventKind::session:
            return "leads a session of its own";
        case ProcessEventKind::named:
            return "names itself " + plain(event.comm);
        case ProcessEventKind::core:
            return "begins to dump its core";
        case ProcessEventKind::lost:
            return loss_text(event);
        case ProcessEventKind::cut:
            return "cut: as many events are kept as may be, what follows is not";
    }
    return plain(event.event);
}

std::string or_dash(int64_t pid) {
    return pid == 0 ? "-" : std::to_string(pid);
}

}  // namespace

Outcome<EventView> read_event_view(const JsonNode& node) {
    EventView event;
    const auto time = node.integer("time", 0, INT64_MAX);
    const auto name = node.string("event", 64);
    if (!time || !name) return node.invalid("expected an event");
    event.time = static_cast<int64_t>(*time);
    event.event = *name;
    event.kind = kind_of(*name);
    event.pid = optional_number(node, "pid");
    event.parent = optional_number(node, "parent");
    event.container_pid = optional_number(node, "containerPid");
    if (const auto status = find_number(node, "waitStatus"); status && *status <= 0xffff)
        event.wait_status = static_cast<int32_t>(*status);
    event.uid = find_number(node, "uid");
    event.effective_uid = find_number(node, "effectiveUid");
    event.gid = find_number(node, "gid");
    event.effective_gid = find_number(node, "effectiveGid");
    event.number = find_number(node, "number");
    event.comm = optional_text(node, "comm");
    event.reason = optional_text(node, "reason");
    return event;
}

std::string EventLines::header() {
    return compose("{:<23} {:>8} {:>6}  {:<15}  {}\n", "TIME", "PID", "INSIDE", "NAME", "EVENT");
}

// The name by which the process is known once this has happened.
std::string EventLines::name_after(const EventView& event) {
    if (event.pid == 0) return "";
    if (!event.comm.empty()) names_[event.pid] = plain(event.comm);
    if (event.kind == ProcessEventKind::forked && event.comm.empty()) {
        const auto parent = names_.find(event.parent);
        names_[event.pid] = parent == names_.end() ? "" : std::string(parent->second);
    }
    const auto known = names_.find(event.pid);
    if (known == names_.end()) return "";
    std::string name = known->second;
    if (event.kind == ProcessEventKind::ended) names_.erase(known);
    return name;
}

std::string EventLines::format(const EventView& event) {
    const std::string name = name_after(event);
    return compose("{} {:>8} {:>6}  {:<15}  {}\n", time_text(event.time), or_dash(event.pid),
                   or_dash(event.container_pid), name.empty() ? "-" : name, what_happened(event));
}

}  // namespace xos

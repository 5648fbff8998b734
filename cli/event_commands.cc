// xos events: what happened to the processes of a job.
#include "cli/event_commands.h"

#include <memory>

#include "cli/commands.h"
#include "cli/event_view.h"
#include "cli/job_queries.h"

namespace xos {

Outcome<int> show_events(const EventWords& words, std::FILE* out, const std::string& address) {
    EventLines lines;
    bool begun = words.json;  // else the header stands first; no header where there is no such job
    const auto print = [&](const JsonNode& node) -> Outcome<void> {
        if (words.json) {
            std::fputs((node.format() + "\n").c_str(), out);
            return {};
        }
        const auto event = read_event_view(node);
        if (!event) return std::unexpected(event.error());
        if (!std::exchange(begun, true)) std::fputs(EventLines::header().c_str(), out);
        std::fputs(lines.format(*event).c_str(), out);
        return {};
    };
    const auto flush = [out]() -> Outcome<void> {
        if (std::fflush(out) != 0) return failure_errno(errno, "cannot write the events");
        return {};
    };
    const auto read = read_events(words.job, words.follow, {print, flush}, address);
    if (!read) return std::unexpected(read.error());
    return kExitOk;
}

void add_events_command(CommandTable& table) {
    const auto words = std::make_shared<EventWords>();
    table
        .add("events", "Show what happened to the processes of a job",
             [words] { return show_events(*words, stdout); })
        .required("JOB", words->job, "")
        .flag("--follow", words->follow, "go on with what comes, until the job has ended")
        .flag("--json", words->json, "one JSON object a line; times are microseconds since 1970");
}

}  // namespace xos

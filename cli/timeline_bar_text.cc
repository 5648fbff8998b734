// One process of a timeline in words.
#include "cli/job_view.h"
#include "cli/time_axis.h"
#include "cli/timeline_frame.h"

namespace xos {
namespace {

constexpr size_t kNamesTold = 12;

std::string names_text(const ProcessBar& bar, int64_t origin) {
    std::string text;
    size_t told = 0;
    for (const NameChange& change : bar.names) {
        if (told == kNamesTold) {
            text += compose("\nand {} more", bar.names.size() - told);
            break;
        }
        ++told;
        text += compose("\n+{}: {} {}", span_text(change.time - origin),
                        change.exec ? "executes" : "is named", change.name);
    }
    return text;
}

std::string end_text(const ProcessBar& bar) {
    if (bar.ending == Ending::alive) return "still running";
    return bar.wait_status ? describe_status(*bar.wait_status) : "how it ended is not known";
}

}  // namespace

std::string ending_text(const ProcessBar& bar) {
    if (bar.ending == Ending::alive) return "runs";
    if (!bar.wait_status) return "?";
    std::string text = describe_status(*bar.wait_status);
    if (text.starts_with("killed by ")) text.erase(0, std::string_view("killed by ").size());
    if (const size_t core = text.find(" (core dumped)"); core != std::string::npos)
        text.replace(core, text.npos, ", core");
    return text;
}

std::string describe_bar(const ProcessBar& bar, int64_t origin) {
    std::string text = compose("{}, process {}", bar.name(), bar.pid);
    if (bar.container_pid != 0) text += compose(" (inside {})", bar.container_pid);
    if (bar.parent_pid != 0) text += compose(", child of {}", bar.parent_pid);
    text += compose("\n{} +{}, for {}: {}",
                    bar.restored     ? "restored from a checkpoint at"
                    : bar.seen_start ? "began at"
                                     : "first seen at",
                    span_text(bar.from - origin), span_text(bar.to - bar.from), end_text(bar));
    if (bar.descendants != 0) text += compose("\n{} processes below it", grouped(bar.descendants));
    for (const Escape& escape : bar.escapes)
        text += compose("\noutside the job from +{} to +{}", span_text(escape.from - origin),
                        span_text(escape.to - origin));
    return text + names_text(bar, origin);
}

}  // namespace xos

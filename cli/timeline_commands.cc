// xos timeline: the processes of a job over time, as a picture.
#include "cli/timeline_commands.h"

#include <chrono>
#include <memory>

#include "cli/commands.h"
#include "cli/job_queries.h"
#include "cli/output_file.h"
#include "cli/time_axis.h"
#include "cli/timeline_svg.h"

namespace xos {
namespace {

constexpr size_t kEventsMax = 4'000'000;  // far more than xosd keeps

int64_t now_usec() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

TimelineCaption caption_of(const JobView& job, const Timeline& timeline) {
    return {compose("{}: {}", job.job, job.command),
            compose("{}, {}. {} in {}, at most {} at one time", job.login, describe_end(job),
                    timeline.bars.size() == 1 ? "1 process" : grouped(timeline.bars.size()) + " processes",
                    span_text(timeline.to - timeline.from), grouped(timeline.peak))};
}

}  // namespace

Outcome<int> write_timeline(const std::string& job, const std::string& path, const std::string& address) {
    TimelineBuilder builder;
    size_t count = 0;
    const auto add = [&](const JsonNode& node) -> Outcome<void> {
        const auto event = read_event_view(node);
        if (!event) return std::unexpected(event.error());
        if (++count > kEventsMax) return failure(Errc::invalid, "{} has too many events to be drawn", job);
        builder.add(*event);
        return {};
    };
    // before the events: of a job that has ended they are all there is
    const auto report = describe_job(job, kCallDeadline, address);
    if (!report) return std::unexpected(report.error());
    const auto read = read_events(job, false, {add, [] { return Outcome<void>(); }}, address);
    if (!read) return std::unexpected(read.error());
    const bool ended = report->job.state == "ended";
    const Timeline timeline = builder.finish(ended ? report->job.ended * 1'000'000 : now_usec(), !ended);
    const auto written = write_output(path, draw_timeline(timeline, caption_of(report->job, timeline)));
    if (!written) return std::unexpected(written.error());
    return kExitOk;
}

void add_timeline_command(CommandTable& table) {
    const auto job = std::make_shared<std::string>(), path = std::make_shared<std::string>();
    table
        .add("timeline", "Draw the processes of a job over time",
             [job, path]() -> Outcome<int> {
                 if (path->empty())
                     return failure(Errc::invalid, "where shall the picture go? xos timeline {} --svg FILE",
                                    *job);
                 return write_timeline(*job, *path);
             })
        .required("JOB", *job, "")
        .option("--svg", *path, "the picture's file");
}

}  // namespace xos

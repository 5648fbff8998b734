#include "cli/timeline_svg.h"

#include <algorithm>
#include <iterator>

#include "cli/time_axis.h"

namespace xos {
namespace {

constexpr size_t kFailuresTold = 5;
constexpr double kDensityGap = 14, kLanesRoomMin = 60;

// Those that ended badly first; in a picture of rows everybody sees them.
std::vector<std::string> failures_of(const Timeline& timeline) {
    std::vector<std::string> told;
    std::vector<const ProcessBar*> failed;
    for (const ProcessBar& bar : timeline.bars)
        if (bar.ending >= Ending::code) failed.push_back(&bar);
    std::ranges::stable_sort(failed, {}, [](const ProcessBar* bar) { return bar->to; });
    if (failed.empty()) return told;
    told.push_back(
        compose("{} ended by a signal or with another code than 0. The first:", grouped(failed.size())));
    for (size_t i = 0; i < std::min(failed.size(), kFailuresTold); ++i)
        told.push_back(compose("– +{}: {} ({}), {}", span_text(failed[i]->to - timeline.from),
                               failed[i]->name(), failed[i]->pid, ending_text(*failed[i])));
    return told;
}

std::string draw_few(const Timeline& timeline, const TimelineCaption& caption) {
    SvgDrawing drawing(kPictureWidth);
    const TimeScale scale{timeline.from, timeline.to};
    const double top = frame_top(timeline), bottom = top + rows_height(timeline);
    const std::vector<std::string> notes = timeline_notes(timeline);
    draw_caption(drawing, timeline, caption);
    draw_axis(drawing, timeline, scale, top, bottom);
    draw_cut(drawing, timeline, scale, top, bottom);
    draw_rows(drawing, timeline, scale, top);
    draw_losses(drawing, timeline, scale, top, bottom);
    draw_notes(drawing, notes, bottom);
    return drawing.finish(bottom + notes_height(notes), caption.title);
}

std::string draw_many(const Timeline& timeline, const TimelineCaption& caption) {
    SvgDrawing drawing(kPictureWidth);
    const TimeScale scale{timeline.from, timeline.to};
    LanePlan plan = plan_lanes(timeline, scale.per_pixel());
    std::vector<std::string> notes = timeline_notes(timeline);
    notes.insert(
        notes.begin(),
        {compose("Shown by name: {} of {} processes, those with the most processes below them, and "
                 "long ones. The others are packed into lanes, each where there was room.",
                 plan.named.size(), grouped(timeline.bars.size())),
         "Where several share a line it shows how most of them end, and where each one ends that does not "
         "end by "
         "exit 0. A process is a pixel wide at least."});
    std::ranges::copy(failures_of(timeline), std::back_inserter(notes));
    const double top = frame_top(timeline), lanes = top + kDensityHeight + kDensityGap;
    // without a line for any lane: what names, summaries and notes take
    const double fixed = lanes + lanes_height(plan) + notes_height(notes);
    fit_lanes(plan, std::max(kPictureHeightMax - fixed, kLanesRoomMin));
    const double bottom = lanes + lanes_height(plan);
    draw_caption(drawing, timeline, caption);
    draw_axis(drawing, timeline, scale, top, bottom);
    draw_cut(drawing, timeline, scale, top, bottom);
    draw_density(drawing, timeline, scale, top);
    draw_lanes(drawing, timeline, plan, scale, lanes);
    draw_losses(drawing, timeline, scale, top, bottom);
    draw_notes(drawing, notes, bottom);
    return drawing.finish(bottom + notes_height(notes), caption.title);
}

}  // namespace

std::string draw_timeline(const Timeline& timeline, const TimelineCaption& caption) {
    return timeline.bars.size() <= kRowsMax ? draw_few(timeline, caption) : draw_many(timeline, caption);
}

}  // namespace xos

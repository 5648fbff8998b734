// The picture of a job's processes over time.
//
// Owns: how it is drawn: a row for each process where they are few, else the important ones so and the others
// packed into lanes, in a picture of at most 1,500 by 1,500 pixels and some 5 MB. Pure. Process: the xos
// command. Trusts: nothing of a process's name.
#pragma once

#include <string>

#include "cli/svg_drawing.h"
#include "cli/timeline.h"
#include "cli/timeline_frame.h"
#include "cli/timeline_lanes.h"

namespace xos {

inline constexpr size_t kRowsMax = 100;  // processes with a row each

std::string draw_timeline(const Timeline& timeline, const TimelineCaption& caption);

// Where a process's bar lies: y is its top; text is its labels' size.
struct BarPlace {
    double y = 0, height = 0, text = 0;
};
// A process with its name, execs and end.
void draw_bar(SvgDrawing& drawing, const Timeline& timeline, uint32_t index, const TimeScale& scale,
              const BarPlace& place);
// The line from the parent's bar down to the child's.
void draw_fork(SvgDrawing& drawing, const ProcessBar& child, const TimeScale& scale, double from, double to);

double row_pitch(const Timeline& timeline);
double rows_height(const Timeline& timeline);
void draw_rows(SvgDrawing& drawing, const Timeline& timeline, const TimeScale& scale, double top);

// How many are alive at a time, as an area.
inline constexpr double kDensityHeight = 70;
void draw_density(SvgDrawing& drawing, const Timeline& timeline, const TimeScale& scale, double top);
double lanes_height(const LanePlan& plan);
void draw_lanes(SvgDrawing& drawing, const Timeline& timeline, const LanePlan& plan, const TimeScale& scale,
                double top);

}  // namespace xos

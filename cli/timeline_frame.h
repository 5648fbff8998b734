// What surrounds the processes in the picture of xos timeline: caption, legend, time axis, doubts, notes.
//
// Owns: the picture's measures and colours. Pure. Process: the xos command. Trusts: nothing of a text.
#pragma once

#include <string>
#include <vector>

#include "cli/svg_drawing.h"
#include "cli/timeline.h"

namespace xos {

inline constexpr double kPictureWidth = 1500, kPictureHeightMax = 1500;
inline constexpr double kPlotLeft = 270, kPlotRight = 1390;  // names stand left of it, ends right of it

const char* ending_colour(Ending ending);

// Where moments stand in the picture.
struct TimeScale {
    int64_t from = 0, to = 0;

    double x(int64_t time) const;
    int64_t per_pixel() const;  // microseconds, rounded up
};

struct TimelineCaption {
    std::string title;   // which job, and how it is
    std::string detail;  // and what else is said of it
};

// Pixels from the top that caption, legend and the upper axis take.
double frame_top(const Timeline& timeline);
void draw_caption(SvgDrawing& drawing, const Timeline& timeline, const TimelineCaption& caption);
// The axis above and below, with lines between them.
void draw_axis(SvgDrawing& drawing, const Timeline& timeline, const TimeScale& scale, double top,
               double bottom);
// What is doubtful: where nothing was kept, which lies below the processes, and losses, which lie above them.
void draw_cut(SvgDrawing& drawing, const Timeline& timeline, const TimeScale& scale, double top,
              double bottom);
void draw_losses(SvgDrawing& drawing, const Timeline& timeline, const TimeScale& scale, double top,
                 double bottom);

// What the picture itself cannot show, one sentence each: losses, the cut, the first that failed.
std::vector<std::string> timeline_notes(const Timeline& timeline);
double notes_height(const std::vector<std::string>& notes);
void draw_notes(SvgDrawing& drawing, const std::vector<std::string>& notes, double top);

// All that is known of a process, in some lines.
std::string describe_bar(const ProcessBar& bar, int64_t origin);
// How it ended, in a word: "exit 3", "SIGKILL", "?".
std::string ending_text(const ProcessBar& bar);

}  // namespace xos

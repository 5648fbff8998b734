// A timeline of few processes: a row each, as a tree.
#include <algorithm>

#include "cli/timeline_svg.h"

namespace xos {
namespace {

constexpr double kIndent = 11, kIndentMax = 12, kLeastBar = 1.5, kMarkDistance = 4;
constexpr const char* kInk = "#222222";

void draw_name(SvgDrawing& drawing, const ProcessBar& bar, double y, double size) {
    const double x = 12 + kIndent * std::min<double>(bar.depth, kIndentMax);
    const std::string pid = std::to_string(bar.pid);
    const double room = kPlotLeft - 18 - x - text_width(pid, size * 0.85);
    const auto letters = static_cast<size_t>(std::max(room / (size * 0.62), 3.0));
    drawing.text(x, y, shorten(bar.name(), letters), {.size = size});
    drawing.text(kPlotLeft - 12, y, pid, {.size = size * 0.85, .colour = "#888888", .anchor = "end"});
}

// A triangle where a program is executed, and its name where there is room until the next one.
void draw_execs(SvgDrawing& drawing, const ProcessBar& bar, const TimeScale& scale, const BarPlace& place) {
    std::string marks;
    double last = -kMarkDistance;
    const double size = std::min(10.0, place.height * 0.72), end = scale.x(bar.to);
    for (size_t i = 0; i < bar.names.size(); ++i) {
        const double x = scale.x(bar.names[i].time),
                     next = i + 1 < bar.names.size() ? scale.x(bar.names[i + 1].time) : end;
        if (bar.names[i].exec && x >= last + kMarkDistance) {
            last = x;
            marks += 'M';
            SvgDrawing::append(marks, x - 3);
            marks += ' ';
            SvgDrawing::append(marks, place.y - 2);
            marks += "h6l-3 5z";
        }
        if (next - x > text_width(bar.names[i].name, size) + 8)
            drawing.text(x + 4, place.y + place.height * 0.5 + size * 0.36, bar.names[i].name,
                         {.size = size, .colour = bar.ending == Ending::alive ? kInk : "#ffffff"});
    }
    drawing.path(marks, kInk);
}

}  // namespace

void draw_bar(SvgDrawing& drawing, const Timeline& timeline, uint32_t index, const TimeScale& scale,
              const BarPlace& place) {
    const ProcessBar& bar = timeline.bars[index];
    const double x = scale.x(bar.from), width = std::max(scale.x(bar.to) - x, kLeastBar);
    const double middle = place.y + place.height / 2;
    draw_name(drawing, bar, middle + place.text * 0.36, place.text);
    drawing.open(describe_bar(bar, timeline.from));
    if (!bar.seen_start) drawing.line(x - 10, middle, x, middle, kInk, 1.2, "2 2");
    drawing.rect(x, place.y, width, place.height, ending_colour(bar.ending));
    for (const Escape& escape : bar.escapes) {
        const double from = scale.x(escape.from);
        drawing.rect(from, place.y + place.height, std::max(scale.x(escape.to) - from, kLeastBar), 2, kInk);
    }
    draw_execs(drawing, bar, scale, place);
    drawing.text(x + width + 5, middle + place.text * 0.33,
                 (bar.restored ? "restored, " : "") + ending_text(bar),
                 {.size = place.text * 0.85,
                  .colour = bar.ending >= Ending::code ? ending_colour(Ending::signal) : "#666666"});
    drawing.close();
}

void draw_fork(SvgDrawing& drawing, const ProcessBar& child, const TimeScale& scale, double from, double to) {
    const double x = scale.x(child.from);
    drawing.line(x, from, x, to, "#777777", 0.7);
}

double rows_height(const Timeline& timeline) {
    return row_pitch(timeline) * static_cast<double>(timeline.bars.size());
}

double row_pitch(const Timeline& timeline) {
    return std::clamp(1220.0 / static_cast<double>(std::max<size_t>(timeline.bars.size(), 1)), 12.0, 22.0);
}

void draw_rows(SvgDrawing& drawing, const Timeline& timeline, const TimeScale& scale, double top) {
    const double pitch = row_pitch(timeline), height = pitch * 0.66;
    const auto y = [&](uint32_t row) { return top + pitch * row + (pitch - height) / 2; };
    for (uint32_t i = 0; i < timeline.bars.size(); ++i)
        if (const ProcessBar& bar = timeline.bars[i]; bar.parent != kNoBar)
            draw_fork(drawing, bar, scale, y(bar.parent) + height, y(i));
    for (uint32_t i = 0; i < timeline.bars.size(); ++i)
        draw_bar(drawing, timeline, i, scale, {y(i), height, std::min(12.0, pitch * 0.66)});
}

}  // namespace xos

// A timeline of many processes: those of importance by name, the others in lanes, all of them as an area.
#include <algorithm>
#include <array>

#include "cli/time_axis.h"
#include "cli/timeline_svg.h"

namespace xos {
namespace {

constexpr size_t kCells = static_cast<size_t>(kPlotRight - kPlotLeft);
constexpr size_t kSegmentsMax = 200'000;  // some 15 bytes each
constexpr size_t kToldApart = 2000;       // so many are drawn by themselves, some 500 bytes each
constexpr double kNameHeight = 18, kSummaryHeight = 16, kGroupGap = 6;
constexpr double kLaneGap = 0.8;                  // between lanes that are high enough for one
constexpr double kNameRoom = 9, kNameSize = 8.5;  // of a process in a lane

double group_height(const LanePlan& plan, const LaneGroup& group) {
    return kSummaryHeight + plan.row_height * group.rows + kGroupGap;
}

size_t count_segments(const std::vector<CellRow>& rows) {
    size_t count = 0;
    for (const CellRow& row : rows)
        for (size_t i = 0; i < row.size(); ++i)
            count += row[i] != kEmptyCell && (i == 0 || row[i] != row[i - 1]) ? 1 : 0;
    return count;
}

// As fine as the size of the picture allows.
std::vector<CellRow> cells_within(const Timeline& timeline, const LaneGroup& group, size_t segments) {
    size_t cells = kCells;
    std::vector<CellRow> rows = fill_cells(timeline, group, cells);
    while (count_segments(rows) > segments && cells > 1) rows = fill_cells(timeline, group, cells /= 2);
    return rows;
}

void append_segment(std::string& path, double x, double y, double width) {
    path += 'M';
    SvgDrawing::append(path, x);
    path += ' ';
    SvgDrawing::append(path, y);
    path += 'h';
    SvgDrawing::append(path, width);
}

void draw_cells(SvgDrawing& drawing, const std::vector<CellRow>& rows, double top, double row_height) {
    std::array<std::string, kEndings> paths;
    const double thick = row_height >= 3 ? row_height - kLaneGap : row_height;
    for (size_t row = 0; row < rows.size(); ++row) {
        const double y = top + (static_cast<double>(row) + 0.5) * row_height;
        const CellRow& cells = rows[row];
        const double width = (kPlotRight - kPlotLeft) / static_cast<double>(cells.size());
        for (size_t from = 0, to = 0; from < cells.size(); from = to) {
            while (to < cells.size() && cells[to] == cells[from]) ++to;
            if (cells[from] != kEmptyCell)
                append_segment(paths[cells[from] - 1U], kPlotLeft + width * static_cast<double>(from), y,
                               width * static_cast<double>(to - from));
        }
    }
    for (size_t i = 0; i < kEndings; ++i)
        drawing.path(paths[i], "none", ending_colour(static_cast<Ending>(i)), thick);
}

// One process of a group by itself: for the mouse, and with its name where there is room.
void draw_member(SvgDrawing& drawing, const Timeline& timeline, const ProcessBar& bar, double x, double width,
                 const BarPlace& place) {
    drawing.open(describe_bar(bar, timeline.from));
    drawing.rect(x, place.y, width, place.height, ending_colour(bar.ending));
    if (place.text != 0 && width > text_width(bar.name(), place.text) + 4)
        drawing.text(x + 2, place.y + place.height / 2 + place.text * 0.36, bar.name(),
                     {.size = place.text, .colour = bar.ending == Ending::alive ? "#222222" : "#ffffff"});
    drawing.close();
}

// All members, or those that did not end well, or none: as many as a picture may hold.
void draw_members(SvgDrawing& drawing, const Timeline& timeline, const LaneGroup& group,
                  const TimeScale& scale, double top, double row_height, size_t max) {
    const auto bad = [&](uint32_t member) { return timeline.bars[member].ending >= Ending::unknown; };
    const bool all = group.members.size() <= max;
    if (!all && static_cast<size_t>(std::ranges::count_if(group.members, bad)) > max) return;
    for (size_t i = 0; i < group.members.size(); ++i) {
        const ProcessBar& bar = timeline.bars[group.members[i]];
        if (!all && !bad(group.members[i])) continue;
        const double x = scale.x(bar.from), whole = scale.x(bar.to) - x;
        const double width = whole > 3 ? whole - kLaneGap : std::max(whole, 1.5);
        const uint64_t whole_row = static_cast<uint64_t>(group.lane[i]) * group.rows / group.lanes;
        const auto row = static_cast<double>(whole_row);
        draw_member(drawing, timeline, bar, x, width,
                    {top + row * row_height + kLaneGap / 2, std::max(row_height - kLaneGap, 1.0),
                     row_height >= kNameRoom ? kNameSize : 0});
    }
}

void draw_group(SvgDrawing& drawing, const Timeline& timeline, const LanePlan& plan, const LaneGroup& group,
                const TimeScale& scale, double top) {
    const std::string summary = describe_group(timeline, group);
    const double x = 12 + (group.owner == kNoBar ? 0 : 11);
    drawing.text(x, top + 12, shorten(summary, 210), {.size = 11, .colour = "#444444"});
    top += kSummaryHeight;
    const size_t alone = kToldApart / plan.groups.size();
    if (group.members.size() > alone) {
        drawing.open(summary);
        const size_t segments = kSegmentsMax / plan.groups.size();
        draw_cells(drawing, cells_within(timeline, group, segments), top, plan.row_height);
        drawing.close();
    }
    draw_members(drawing, timeline, group, scale, top, plan.row_height, alone);
}

}  // namespace

double lanes_height(const LanePlan& plan) {
    double height = kNameHeight * static_cast<double>(plan.named.size());
    for (const LaneGroup& group : plan.groups) height += group_height(plan, group);
    return height;
}

void draw_lanes(SvgDrawing& drawing, const Timeline& timeline, const LanePlan& plan, const TimeScale& scale,
                double top) {
    std::vector<double> places(timeline.bars.size(), -1);  // of the named ones' bars
    auto group = plan.groups.begin();
    const auto draw_group_of = [&](uint32_t owner) {
        if (group == plan.groups.end() || group->owner != owner) return;
        draw_group(drawing, timeline, plan, *group, scale, top);
        top += group_height(plan, *group++);
    };
    draw_group_of(kNoBar);
    for (const uint32_t index : plan.named) {
        const ProcessBar& bar = timeline.bars[index];
        const BarPlace place{top + 3, kNameHeight - 6, 11};
        if (bar.parent != kNoBar && places[bar.parent] >= 0)
            draw_fork(drawing, bar, scale, places[bar.parent] + place.height, place.y);
        draw_bar(drawing, timeline, index, scale, place);
        places[index] = place.y;
        top += kNameHeight;
        draw_group_of(index);
    }
}

void draw_density(SvgDrawing& drawing, const Timeline& timeline, const TimeScale& scale, double top) {
    const std::vector<uint32_t> counts = count_alive(timeline, kCells);
    const double bottom = top + kDensityHeight, unit = (kDensityHeight - 6) / std::max(timeline.peak, 1U);
    std::string area = "M";
    SvgDrawing::append(area, kPlotLeft);
    area += ' ';
    SvgDrawing::append(area, bottom);
    double x = scale.x(timeline.from);
    for (const uint32_t count : counts) {
        area += 'V';
        SvgDrawing::append(area, bottom - unit * count);
        area += 'H';
        SvgDrawing::append(area, x += 1);
    }
    area += 'V';
    SvgDrawing::append(area, bottom);
    drawing.text(12, top + kDensityHeight / 2, "processes alive", {.size = 12});
    drawing.text(kPlotLeft - 8, top + 12, grouped(timeline.peak),
                 {.size = 10, .colour = "#555555", .anchor = "end"});
    drawing.text(kPlotLeft - 8, bottom, "0", {.size = 10, .colour = "#555555", .anchor = "end"});
    drawing.open(compose("at most {} processes were alive at one time", grouped(timeline.peak)));
    drawing.path(area + "z", "#bbccee");
    drawing.close();
}

}  // namespace xos

#include "cli/timeline_frame.h"

#include <algorithm>

#include "cli/clock_text.h"
#include "cli/time_axis.h"

namespace xos {
namespace {

constexpr double kLegendLine = 64, kAxisHeight = 22, kDoubtsHeight = 16, kNoteHeight = 15;
constexpr size_t kTicksWanted = 12;
constexpr const char* kGrid = "#e4e4e4";
constexpr const char* kDoubt = "#aa3377";

constexpr const char* kEndingNames[kEndings] = {"exit 0", "still running", "how is not known",
                                                "other exit code", "killed by a signal"};

bool has_doubts(const Timeline& timeline) {
    return !timeline.losses.empty() || timeline.cut;
}

// A legend's entries, from left to right.
class Legend {
  public:
    explicit Legend(SvgDrawing& drawing) : drawing_(drawing) {}

    void square(const char* colour, const std::string& text) {
        drawing_.rect(x_, kLegendLine - 9, 12, 10, colour);
        say(text);
    }
    void across(const char* dashes, double width, const std::string& text) {
        drawing_.line(x_, kLegendLine - 4, x_ + 12, kLegendLine - 4, "#222222", width, dashes);
        say(text);
    }
    void upright(const char* colour, const char* dashes, const std::string& text) {
        drawing_.line(x_ + 6, kLegendLine - 11, x_ + 6, kLegendLine + 2, colour, 1.5, dashes);
        say(text);
    }
    void triangle(const std::string& text) {
        std::string data = "M";
        SvgDrawing::append(data, x_ + 3);
        data += ' ';
        SvgDrawing::append(data, kLegendLine - 8);
        drawing_.path(data + "h6l-3 6z", "#222222");
        say(text);
    }

  private:
    void say(const std::string& text) {
        drawing_.text(x_ + 17, kLegendLine, text, {.size = 11});
        x_ += 17 + text_width(text, 11) + 16;
    }

    SvgDrawing& drawing_;
    double x_ = 12;
};

std::string loss_text(const Loss& loss) {
    const std::string reason = loss.reason.empty() ? "" : compose(" ({})", loss.reason);
    return loss.number ? compose("{} events lost{}", grouped(static_cast<uint64_t>(*loss.number)), reason)
                       : compose("events lost, how many is not known{}", reason);
}

std::string losses_note(const Timeline& timeline) {
    int64_t known = 0;
    size_t unknown = 0;
    for (const Loss& loss : timeline.losses) {
        known += std::min(loss.number.value_or(0), INT64_MAX - known);
        unknown += loss.number ? 0 : 1;
    }
    std::string text = compose("Events were lost {} time{}: {}", grouped(timeline.losses.size()),
                               timeline.losses.size() == 1 ? "" : "s", grouped(static_cast<uint64_t>(known)));
    if (unknown != 0)
        text += compose(", and {} time{} nobody can say how many", grouped(unknown), unknown == 1 ? "" : "s");
    return text +
           ". What was alive then was looked up anew; processes that began and ended in between are missing.";
}

}  // namespace

const char* ending_colour(Ending ending) {
    // told apart by those who see no red or green, too
    static constexpr const char* kColours[kEndings] = {"#4477aa", "#66ccee", "#999999", "#ee9922", "#cc2211"};
    return kColours[static_cast<size_t>(ending)];
}

double TimeScale::x(int64_t time) const {
    const double part = static_cast<double>(std::clamp(time, from, to) - from) /
                        static_cast<double>(std::max<int64_t>(to - from, 1));
    return kPlotLeft + part * (kPlotRight - kPlotLeft);
}

int64_t TimeScale::per_pixel() const {
    return (to - from) / static_cast<int64_t>(kPlotRight - kPlotLeft) + 1;
}

double frame_top(const Timeline& timeline) {
    return kLegendLine + 10 + (has_doubts(timeline) ? kDoubtsHeight : 0) + kAxisHeight;
}

void draw_caption(SvgDrawing& drawing, const Timeline& timeline, const TimelineCaption& caption) {
    drawing.text(12, 24, shorten(caption.title, 150), {.size = 16, .bold = true});
    drawing.text(12, 43, shorten(caption.detail, 200), {.size = 12, .colour = "#555555"});
    Legend legend(drawing);
    for (size_t i = 0; i < kEndings; ++i)
        if (timeline.endings[i] != 0)
            legend.square(ending_colour(static_cast<Ending>(i)),
                          compose("{}: {}", kEndingNames[i], grouped(timeline.endings[i])));
    const auto any = [&](auto has) { return std::ranges::any_of(timeline.bars, has); };
    if (any([](const ProcessBar& bar) { return bar.execs != 0; })) legend.triangle("executes a program");
    if (any([](const ProcessBar& bar) { return !bar.seen_start; }))
        legend.across("2 2", 1.2, "began earlier, unseen");
    if (any([](const ProcessBar& bar) { return !bar.escapes.empty(); }))
        legend.across(nullptr, 2, "outside the job");
    if (!timeline.losses.empty()) legend.upright(kDoubt, "5 3", "events lost");
    if (timeline.cut) legend.square("#f3e3ec", "nothing was kept");
}

void draw_axis(SvgDrawing& drawing, const Timeline& timeline, const TimeScale& scale, double top,
               double bottom) {
    const TimeAxis axis = make_axis(scale.to - scale.from, kTicksWanted);
    for (const AxisTick& tick : axis.ticks) {
        const double x = scale.x(scale.from + tick.at);
        drawing.line(x, top - 4, x, bottom + 4, kGrid, 1);
        for (const double y : {top - 8, bottom + 16})
            drawing.text(x, y, tick.label, {.size = 11, .colour = "#555555", .anchor = "middle"});
    }
    const std::string since =
        compose("{} since {}.{:03}", axis.unit, clock_text(static_cast<uint64_t>(timeline.from / 1'000'000)),
                timeline.from / 1000 % 1000);
    for (const double y : {top - 8, bottom + 16})
        drawing.text(12, y, since, {.size = 11, .colour = "#555555"});
    for (const double y : {top - 4, bottom + 4}) drawing.line(kPlotLeft, y, kPlotRight, y, "#aaaaaa", 1);
}

void draw_cut(SvgDrawing& drawing, const Timeline& timeline, const TimeScale& scale, double top,
              double bottom) {
    if (!timeline.cut) return;
    const double x = scale.x(*timeline.cut);
    drawing.rect(x, top - 4, kPlotRight - x, bottom - top + 8, "#f3e3ec",
                 "so many events are kept of a job and no more: nothing is known from here on");
    drawing.text(kPlotRight, top - kAxisHeight - 2, "nothing was kept from here on",
                 {.size = 10, .colour = kDoubt, .anchor = "end"});
}

void draw_losses(SvgDrawing& drawing, const Timeline& timeline, const TimeScale& scale, double top,
                 double bottom) {
    double line_from = -1, text_from = 0;  // left of them there is no room any more
    for (const Loss& loss : timeline.losses) {
        const double x = scale.x(loss.time);
        if (x < line_from + 2) continue;  // at the same place as the last one
        line_from = x;
        drawing.open(loss_text(loss));
        drawing.line(x, top - kAxisHeight, x, bottom + 4, kDoubt, 1.5, "5 3");
        drawing.close();
        const std::string text = loss_text(loss);
        const double width = text_width(text, 10);
        if (x < text_from || x + width > kPictureWidth || timeline.cut) continue;
        drawing.text(x, top - kAxisHeight - 2, text, {.size = 10, .colour = kDoubt});
        text_from = x + width + 10;
    }
}

std::vector<std::string> timeline_notes(const Timeline& timeline) {
    std::vector<std::string> notes;
    if (timeline.bars.empty()) notes.emplace_back("No process of this job was seen.");
    if (!timeline.losses.empty()) notes.push_back(losses_note(timeline));
    if (timeline.cut)
        notes.push_back(
            compose("So many events are kept of a job and no more: what happened later than {} after the "
                    "beginning is "
                    "not known.",
                    span_text(*timeline.cut - timeline.from)));
    return notes;
}

double notes_height(const std::vector<std::string>& notes) {
    return 34 + kNoteHeight * static_cast<double>(notes.size());
}

void draw_notes(SvgDrawing& drawing, const std::vector<std::string>& notes, double top) {
    double y = top + 36;
    for (const std::string& note : notes) {
        drawing.text(12, y, shorten(note, 230), {.size = 11, .colour = "#555555"});
        y += kNoteHeight;
    }
}

}  // namespace xos

#include "cli/timeline.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "cli/time_axis.h"
#include "cli/timeline_lanes.h"
#include "tests/unit/cli/timeline_events.h"

using namespace xos;
using namespace xos::test;
using enum ProcessEventKind;

namespace {

std::vector<std::string> labels(const TimeAxis& axis) {
    std::vector<std::string> texts;
    for (const AxisTick& tick : axis.ticks) texts.push_back(tick.label);
    return texts;
}

}  // namespace

TEST_CASE("processes as a tree with their names and ends") {
    const Timeline timeline =
        timeline_of({fork_at(0, 10, 1), name_at(1, execed, 10, "make"), fork_at(5, 20, 10),
                     fork_at(6, 30, 10), name_at(7, execed, 20, "sh"), fork_at(8, 40, 20), end_at(9, 40, 9),
                     end_at(20, 20, 256), end_at(30, 30, {}), end_at(40, 10, 0)});
    REQUIRE(timeline.bars.size() == 4);
    const auto& [make, sh, grandchild, other] =
        std::tie(timeline.bars[0], timeline.bars[1], timeline.bars[2], timeline.bars[3]);
    CHECK(make.name() == "make");
    CHECK((make.descendants == 3 && make.depth == 0 && make.parent == kNoBar && make.execs == 1));
    CHECK((sh.name() == "sh" && sh.parent == 0 && sh.ending == Ending::code && sh.to == at(20)));
    CHECK((grandchild.name() == "sh" && grandchild.depth == 2 && grandchild.ending == Ending::signal));
    CHECK((other.name() == "make" && other.ending == Ending::unknown));
    CHECK(timeline.peak == 4);
    CHECK((timeline.from == at(0) && timeline.to == at(40)));
    CHECK(timeline.endings == std::array<uint32_t, kEndings>{1, 0, 1, 1, 1});
}

TEST_CASE("what has not ended runs to the present, or nobody knows") {
    const std::vector<EventView> events{fork_at(0, 10, 1)};
    const Timeline running = timeline_of(events, at(500), true), over = timeline_of(events, at(500), false);
    CHECK((running.bars[0].ending == Ending::alive && running.bars[0].to == at(500)));
    CHECK(over.bars[0].ending == Ending::unknown);
    std::vector<EventView> full = events;
    full.push_back(event_at(100, cut, 0));
    const Timeline kept = timeline_of(full, at(500), true);
    CHECK((kept.cut == at(100) && kept.to == at(500)));
    CHECK((kept.bars[0].to == at(100) && kept.bars[0].ending == Ending::unknown));
}

TEST_CASE("gaps are not papered over") {
    EventView loss = event_at(50, lost, 0);
    loss.number = 7;
    loss.reason = "overflow";
    const Timeline timeline = timeline_of(
        {fork_at(0, 10, 1), fork_at(10, 20, 10), loss, name_at(60, adopted, 30, "found"), fork_at(70, 20, 10),
         name_at(80, execed, 40, "unheard of"), end_at(90, 50, 0), end_at(95, 20, 0)});
    REQUIRE(timeline.losses.size() == 1);
    CHECK((timeline.losses[0].number == 7 && timeline.losses[0].time == at(50)));
    REQUIRE(timeline.bars.size() == 6);
    const ProcessBar &first = timeline.bars[1], &second = timeline.bars[2];  // one pid, two processes
    CHECK((first.pid == 20 && first.to == at(70) && first.ending == Ending::unknown));
    CHECK((second.pid == 20 && second.from == at(70) && second.ending == Ending::zero));
    for (const size_t unseen : {3, 4, 5}) CHECK_FALSE(timeline.bars[unseen].seen_start);
    CHECK((timeline.bars[5].pid == 50 && timeline.bars[5].from == timeline.bars[5].to));
}

TEST_CASE("escapes, restored processes, and more names than are kept") {
    std::vector<EventView> events{fork_at(0, 10, 1), event_at(10, escaped, 10), event_at(20, returned, 10),
                                  event_at(30, escaped, 10), name_at(40, restored, 11, "again")};
    for (int i = 0; i < 200; ++i) events.push_back(name_at(41 + i, execed, 11, "name" + std::to_string(i)));
    const Timeline timeline = timeline_of(events, at(300), true);
    REQUIRE(timeline.bars.size() == 2);
    REQUIRE(timeline.bars[0].escapes.size() == 2);
    CHECK((timeline.bars[0].escapes[0].to == at(20) && timeline.bars[0].escapes[1].to == at(300)));
    CHECK(timeline.bars[1].restored);
    CHECK((timeline.bars[1].names.size() == kNamesKept && timeline.bars[1].execs == 200));
    CHECK(timeline.bars[1].name() == "name199");
}

TEST_CASE("where tracking began anew, who is not found again has ended unseen") {
    const Timeline timeline =
        timeline_of({event_at(0, bound, 0), fork_at(1, 10, 1), fork_at(2, 20, 10), fork_at(3, 30, 10),
                     event_at(50, bound, 0), name_at(51, adopted, 10, "found"), fork_at(60, 30, 10),
                     end_at(70, 10, 0), end_at(80, 30, 0)},
                    at(100), true);
    REQUIRE(timeline.bars.size() == 4);
    CHECK((timeline.bars[0].ending == Ending::zero && timeline.bars[0].to == at(70)));
    CHECK((timeline.bars[1].ending == Ending::unknown && timeline.bars[1].to == at(50)));
    CHECK((timeline.bars[2].ending == Ending::unknown && timeline.bars[2].to == at(50)));
    CHECK((timeline.bars[3].ending == Ending::zero && timeline.bars[3].from == at(60)));
}

TEST_CASE("a process that was found before its fork was told, or restored after it, is one") {
    const Timeline timeline =
        timeline_of({name_at(1, adopted, 10, "sh"), fork_at(2, 10, 1), fork_at(3, 20, 10),
                     name_at(4, restored, 20, "again"), end_at(5, 20, 0), end_at(6, 10, 0)});
    REQUIRE(timeline.bars.size() == 2);
    CHECK((timeline.bars[0].seen_start && timeline.bars[1].restored));
}

TEST_CASE("a chain of processes may be as long as a job likes, on a timeline too") {
    std::vector<EventView> events;
    for (int pid = 2; pid < 50'000; ++pid) events.push_back(fork_at(pid, pid, pid - 1));
    const Timeline timeline = timeline_of(events, at(60'000), true);
    CHECK((timeline.bars.front().descendants == 49'997 && timeline.bars.back().depth == 49'997));
    CHECK(timeline.peak == 49'998);
    CHECK(plan_lanes(timeline, 1).named.size() <= 20);
}

TEST_CASE("no event, and time that goes backwards") {
    CHECK(timeline_of({}).bars.empty());
    const Timeline timeline = timeline_of({fork_at(50, 10, 1), end_at(40, 10, 0)});
    CHECK((timeline.from == at(40) && timeline.to == at(50)));
    CHECK((timeline.bars[0].from == at(50) && timeline.bars[0].to == at(50)));
}

TEST_CASE("short-lived processes share lanes, and the counts are right") {
    std::vector<EventView> events{fork_at(0, 1000, 1), name_at(0, execed, 1000, "make")};
    for (int i = 0; i < 300; ++i) {
        events.push_back(fork_at(10 * i, 2000 + i, 1000));
        events.push_back(end_at(10 * i + 15, 2000 + i, i == 7 ? 256 : 0));
    }
    std::ranges::stable_sort(events, {}, &EventView::time);
    events.push_back(end_at(4000, 1000, 0));
    const Timeline timeline = timeline_of(events);
    LanePlan plan = plan_lanes(timeline, 1);
    CHECK(plan.named == std::vector<uint32_t>{0});
    REQUIRE(plan.groups.size() == 1);
    CHECK((plan.groups[0].owner == 0 && plan.groups[0].members.size() == 300 && plan.groups[0].lanes == 2));
    fit_lanes(plan, 1000);
    CHECK(plan.groups[0].rows == 2);
    fit_lanes(plan, 1);
    CHECK((plan.groups[0].rows == 1 && plan.row_height == 1));
    CHECK(describe_group(timeline, plan.groups[0]) ==
          "300 processes of make: make 300; 299 exit 0; 1 failed; the longest 15 ms; a line stands for up to "
          "2");
    // the one that failed is seen where it ended
    const CellRow row = fill_cells(timeline, plan.groups[0], 400).at(0);
    CHECK(row.at(8) == 1 + static_cast<int>(Ending::code));
    CHECK(row.at(3) == 1 + static_cast<int>(Ending::zero));
    CHECK(row.at(399) == kEmptyCell);
    CHECK(std::ranges::max(count_alive(timeline, 77)) == timeline.peak);
}

TEST_CASE("marks of an axis") {
    CHECK(labels(make_axis(2'500'000, 6)) ==
          std::vector<std::string>{"0.0", "0.5", "1.0", "1.5", "2.0", "2.5"});
    CHECK(make_axis(2'500'000, 12).unit == "s");
    CHECK(labels(make_axis(1'000, 4)) == std::vector<std::string>{"0", "500", "1000"});
    CHECK(labels(make_axis(200'000'000, 5)) == std::vector<std::string>{"0:00", "1:00", "2:00", "3:00"});
    CHECK(make_axis(0, 12).ticks.size() == 1);
    for (int64_t span = 1; span < INT64_MAX / 7; span *= 7) CHECK(make_axis(span, 12).ticks.size() <= 13);
    CHECK(span_text(999) == "999 µs");
    CHECK(span_text(1'250) == "1.25 ms");
    CHECK(span_text(200'000'000) == "3 min 20 s");
    CHECK(grouped(9988) == "9,988");
    CHECK(grouped(1'234'567) == "1,234,567");
    CHECK(grouped(12) == "12");
}

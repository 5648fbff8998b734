#include "cli/timeline_svg.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <random>

#include "cli/timeline_commands.h"
#include "tests/unit/cli/timeline_events.h"
#include "tests/unit/cli/varlink_node.h"

using namespace xos;
using namespace xos::test;
using enum ProcessEventKind;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr size_t kSizeMax = 5 * 1024 * 1024;

// By another reader of XML than ours; the picture's height.
double check_picture(const std::string& svg) {
    const TempDir dir;
    write_file(dir.path / "picture.svg", svg);
    const auto parsed = run_command({"python3", "-c",
                                     "import sys, xml.dom.minidom as x\n"
                                     "root = x.parse(sys.argv[1]).documentElement\n"
                                     "print(root.getAttribute('height'))",
                                     dir.path / "picture.svg"});
    INFO(parsed.errors);
    REQUIRE(parsed.status == 0);
    CHECK(svg.size() <= kSizeMax);
    return std::stod(parsed.output);
}

// A job of so many processes below one, each of which begins and ends as it likes.
Timeline random_job(size_t count, int64_t longest) {
    std::mt19937_64 random(7);
    std::vector<EventView> events{fork_at(0, 1, 0), name_at(0, execed, 1, "make")};
    for (size_t i = 0; i < count; ++i) {
        const auto begin = static_cast<int64_t>(random() % 100'000);
        const auto pid = static_cast<int64_t>(i + 2);
        events.push_back(fork_at(begin, pid, 1));
        events.push_back(end_at(begin + static_cast<int64_t>(random() % static_cast<uint64_t>(longest)), pid,
                                random() % 2 == 0   ? 0
                                : random() % 2 == 0 ? 256
                                                    : 9));
    }
    std::ranges::stable_sort(events, {}, &EventView::time);
    return timeline_of(events);
}

int subscribe(sd_varlink* link, sd_json_variant*, sd_varlink_method_flags_t, void*) {
    const auto events = Json::parse(
        R"({"events":[{"time":1796000000000000,"event":"fork","pid":7,"comm":"sh"},
        {"time":1796000001000000,"event":"exit","pid":7,"waitStatus":768}]})",
        {}, "events");
    sd_varlink_notify(link, events->variant());
    return sd_varlink_reply(link, Json::parse(R"({"events":[]})", {}, "events")->variant());
}
int describe(sd_varlink* link, sd_json_variant*, sd_varlink_method_flags_t, void*) {
    const auto job = Json::parse(
        R"({"status":{"job":"job-7","state":"ended","waitStatus":768,"login":"user1@physics",
        "command":"sh -c <b>&","ended":1796000001},"processes":[],"eventsLost":0,"exitCodesUnknown":0})",
        {}, "job");
    return sd_varlink_reply(link, job->variant());
}

}  // namespace

TEST_CASE("few processes: names, ends and doubts are on the picture") {
    EventView loss = event_at(50, lost, 0);
    const std::string svg =
        draw_timeline(timeline_of({fork_at(0, 10, 1), name_at(1, execed, 10, "make"), fork_at(5, 20, 10),
                                   loss, name_at(60, execed, 20, "cc1"), end_at(70, 20, 139),
                                   end_at(100, 10, 512), event_at(110, cut, 0)},
                                  at(200)),
                      {"job-7: make", "user1@physics"});
    CHECK(check_picture(svg) < 300);
    for (const char* text :
         {">job-7: make<", ">make<", ">cc1<", ">exit 2<", ">SIGSEGV, core<",
          "events lost, how many is not known", "nothing was kept from here on",
          "cc1, process 20, child of 10\nbegan at +5 ms, for 65 ms: killed by SIGSEGV (core dumped)"})
        CHECK_THAT(svg, ContainsSubstring(text));
}

TEST_CASE("no name breaks the picture") {
    CHECK(xml_text("<a href=\"x\">&</a>") == "&lt;a href=&quot;x&quot;&gt;&amp;&lt;/a&gt;");
    CHECK(xml_text("a\x1b\x7f\tb\nc") == "a???b\nc");
    CHECK(xml_text("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7") ==
          "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7");
    CHECK(xml_text("\xff|\xc3|\xc2\x9b|\xc0\xbc|\xed\xa0\x80|\xef\xbf\xbf|\xe2\x80\xae") ==
          "?|?|??|??|???|???|???");
    CHECK(shorten("abcdef", 4) == "abc…");
    CHECK(shorten("ab\xc3\xa9", 3) == "ab\xc3\xa9");
    const std::string svg = draw_timeline(
        timeline_of({fork_at(0, 10, 1), name_at(1, execed, 10, "</svg>\x1b\xff<script>"), end_at(9, 10, 0)}),
        {"]]><script>alert(1)</script>", "&bad;"});
    check_picture(svg);
    CHECK(svg.find("<script") == std::string::npos);
    CHECK(svg.find('\x1b') == std::string::npos);
}

TEST_CASE("a picture of nothing") {
    CHECK_THAT(draw_timeline({}, {"job-7", ""}), ContainsSubstring("No process of this job was seen."));
    check_picture(draw_timeline({}, {"job-7", ""}));
}

TEST_CASE("many processes keep within a picture's size") {
    for (const auto& [count, longest] :
         {std::pair<size_t, int64_t>{101, 5'000}, {10'000, 500}, {10'000, 100'000}, {60'000, 2'000}}) {
        const std::string svg = draw_timeline(random_job(count, longest), {"job-7", ""});
        CHECK(check_picture(svg) <= kPictureHeightMax + 1);
        CHECK_THAT(svg, ContainsSubstring("processes of make: make "));
        CHECK_THAT(svg, ContainsSubstring("ended by a signal or with another code than 0"));
    }
}

TEST_CASE("the picture of a job of this node") {
    const VarlinkNode node(
        {{"org.xtreemos.Job.Subscribe", subscribe}, {"org.xtreemos.Job.Describe", describe}});
    const TempDir dir;
    const std::string path = dir.path / "job.svg";
    const auto drawn = write_timeline("job-7", path, node.address());
    REQUIRE(drawn);
    const std::string svg = read_file(path);
    check_picture(svg);
    CHECK_THAT(svg, ContainsSubstring("job-7: sh -c &lt;b&gt;&amp;"));
    CHECK_THAT(svg, ContainsSubstring("user1@physics, exited 3. 1 process in 1 s, at most 1 at one time"));
    const auto nowhere = write_timeline("job-7", dir.path / "no" / "job.svg", node.address());
    REQUIRE_FALSE(nowhere);
    CHECK_THAT(nowhere.error().message, ContainsSubstring("cannot write into"));
}

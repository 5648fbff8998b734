#include "cli/event_commands.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdlib>

#include "cli/event_view.h"
#include "common/json.h"
#include "tests/unit/cli/varlink_node.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

const char* const kEvents[] = {
    R"({"time":1796000000123456,"event":"bound","pid":0})",
    R"({"time":1796000000124000,"event":"fork","pid":4711,"parent":4700,"containerPid":2,"identity":77})",
    R"({"time":1796000000125000,"event":"exec","pid":4711,"comm":"sh"})",
    R"({"time":1796000001000000,"event":"fork","pid":4712,"parent":4711})",
    R"({"time":1796000001500000,"event":"exit","pid":4712,"waitStatus":139})",
    R"({"time":1796000001600000,"event":"lost","pid":0,"number":120,"reason":"overflow"})",
    R"({"time":1796000001700000,"event":"exit","pid":4711,"waitStatus":768})",
};

Json parse(const std::string& text) {
    auto json = Json::parse(text, {}, "event");
    REQUIRE(json);
    return *std::move(json);
}

EventView event(const std::string& fields) {
    const Json json = parse(R"({"time":1796000000000000,)" + fields + "}");
    const JsonNode root = json.root();
    auto view = read_event_view(root);
    REQUIRE(view);
    return *std::move(view);
}

std::string line(const std::string& fields) {
    return EventLines().format(event(fields));
}

Json answer(size_t from, size_t to) {
    JsonArray list;
    for (size_t i = from; i < to; ++i) list.add(parse(kEvents[i]));
    return JsonObject().set("events", list.build()).build();
}

int subscribe(sd_varlink* link, sd_json_variant* parameters, sd_varlink_method_flags_t, void*) {
    const Json asked = Json::adopt(sd_json_variant_ref(parameters));
    const JsonNode root = asked.root();
    if (root.string("job", 64).value_or("") != "job-7") {
        const Json told = JsonObject().set("message", Json::string("there is no job-8 of yours")).build();
        return sd_varlink_error(link, "org.xtreemos.NotFound", told.variant());
    }
    const size_t count = root.boolean("follow").value_or(false) ? std::size(kEvents) : 3;
    for (size_t from = 0; from < count; from += 2)
        sd_varlink_notify(link, answer(from, std::min(from + 2, count)).variant());
    return sd_varlink_reply(link, answer(0, 0).variant());
}

struct Shown {
    Outcome<int> end;
    std::string text;
};
Shown show(const EventWords& words) {
    const VarlinkNode node({{"org.xtreemos.Job.Subscribe", subscribe}});
    char* text = nullptr;
    size_t size = 0;
    std::FILE* out = open_memstream(&text, &size);
    auto end = show_events(words, out, node.address());
    std::fclose(out);
    Shown shown{std::move(end), std::string(text, size)};
    std::free(text);
    return shown;
}

}  // namespace

TEST_CASE("events of a job, one line each") {
    setenv("TZ", "UTC", 1);
    const auto shown = show({.job = "job-7", .follow = true});
    CHECK(shown.end);
    CHECK(shown.text ==
          "TIME                         PID INSIDE  NAME             EVENT\n"
          "2026-11-30 00:53:20.123        -      -  -                tracking begins\n"
          "2026-11-30 00:53:20.124     4711      2  -                fork parent 4700\n"
          "2026-11-30 00:53:20.125     4711      -  sh               exec sh\n"
          "2026-11-30 00:53:21.000     4712      -  sh               fork parent 4711\n"
          "2026-11-30 00:53:21.500     4712      -  sh               killed by SIGSEGV (core dumped)\n"
          "2026-11-30 00:53:21.600        -      -  -                lost 120 events (overflow)\n"
          "2026-11-30 00:53:21.700     4711      -  sh               exit 3\n");
}

TEST_CASE("events as the interface tells them") {
    const auto shown = show({.job = "job-7", .json = true});
    CHECK(shown.end);
    CHECK(shown.text == std::string(kEvents[0]) + "\n" + kEvents[1] + "\n" + kEvents[2] + "\n");
}

TEST_CASE("events of a job that is not there") {
    const auto shown = show({.job = "job-8"});
    REQUIRE_FALSE(shown.end);
    CHECK(shown.end.error().message == "there is no job-8 of yours");
    CHECK(shown.text.empty());
}

TEST_CASE("each kind of event is said in words") {
    CHECK_THAT(line(R"("event":"exit","pid":1)"), ContainsSubstring("how it ended is not known"));
    CHECK_THAT(line(R"("event":"exit","pid":1,"waitStatus":9)"), ContainsSubstring("killed by SIGKILL\n"));
    CHECK_THAT(line(R"("event":"exit","pid":1,"waitStatus":0)"), ContainsSubstring("exit 0\n"));
    CHECK_THAT(line(R"("event":"lost","pid":0)"), ContainsSubstring("how many is not known\n"));
    CHECK_THAT(line(R"("event":"lost","pid":0,"number":1)"), ContainsSubstring("lost 1 event\n"));
    CHECK_THAT(line(R"("event":"uid","pid":1,"uid":1000,"effectiveUid":0)"),
               ContainsSubstring("uid 1000 effective 0\n"));
    CHECK_THAT(line(R"("event":"gid","pid":1,"gid":5,"effectiveGid":5)"), ContainsSubstring("gid 5\n"));
    CHECK_THAT(line(R"("event":"adopted","pid":1,"parent":7,"comm":"x")"),
               ContainsSubstring("adopted parent 7\n"));
    CHECK_THAT(line(R"("event":"escaped","pid":1)"), ContainsSubstring("escaped from the job\n"));
    CHECK_THAT(line(R"("event":"cut","pid":0)"), ContainsSubstring("what follows is not\n"));
    CHECK_THAT(line(R"("event":"frozen","pid":1,"reason":"checkpoint")"),
               ContainsSubstring("frozen checkpoint\n"));
}

TEST_CASE("a process's name reaches no terminal as it is") {
    const std::string text = line(R"("event":"comm","pid":1,"comm":"\u001b[2J\u009b\nx")") +
                             line("\"event\":\"a\\u001bb\",\"pid\":1,\"reason\":\"\\u0007\"");
    for (const char bad : {'\x1b', '\x07', '\x9b'}) CHECK(text.find(bad) == std::string::npos);
    CHECK_THAT(text, ContainsSubstring("names itself ?[2J???x\n"));
}

TEST_CASE("what is no event") {
    for (const char* text :
         {"{}", R"({"time":1})", R"({"event":"fork"})", R"({"time":-1,"event":"fork"})", "[]"}) {
        const Json json = parse(text);
        const JsonNode root = json.root();
        CHECK_FALSE(read_event_view(root));
    }
    CHECK_FALSE(event(R"("event":"exit","pid":1,"waitStatus":65536)").wait_status);
}

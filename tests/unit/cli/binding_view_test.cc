#include "cli/binding_view.h"

#include <catch2/catch_test_macros.hpp>

using namespace xos;

namespace {

Outcome<BindingView> read(const char* text) {
    const auto json = Json::parse(text, {}, "binding");
    REQUIRE(json);
    const JsonNode root = json->root();
    return read_binding_view(root);
}

}  // namespace

TEST_CASE("what is tracked, as a table") {
    const auto found = read(
        R"({"name":"libpod-3f9a","cgroup":"/m/libpod-3f9a.scope","kind":"container","pattern":"/m/*","since":1,"processes":3})");
    const auto job = read(R"({"name":"job-7","cgroup":"/jobs/job-7","kind":"job"})");
    REQUIRE(found);
    REQUIRE(job);
    const std::string text = format_bindings({*found, *job});
    CHECK(text.starts_with("NAME "));
    CHECK(text.contains("libpod-3f9a              container         3  "));
    CHECK(text.contains("/m/libpod-3f9a.scope  (by /m/*)\n"));
    CHECK(text.contains("job-7                    job               ?  -"));
    CHECK(text.ends_with("/jobs/job-7\n"));
}

TEST_CASE("a cgroup's name does not reach the terminal as it is") {
    const auto hostile = read(R"({"name":"a","cgroup":"/a\u001b[2J","kind":"container"})");
    REQUIRE(hostile);
    CHECK(format_bindings({*hostile}).contains("/a?[2J"));
    CHECK_FALSE(read("{}"));
}

TEST_CASE("the agent says whether the kernel selects its events") {
    CHECK(format_agent({.pid = 7, .filtered = true}) ==
          "connector agent: pid 7, events are selected in the kernel\n");
    CHECK(format_agent({.pid = 7, .filtered = false}).contains("without a filter"));
    CHECK(format_agent({}).contains("restarted"));
}

#include "cli/varlink_call.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/unit/cli/varlink_node.h"

using namespace xos;
using namespace xos::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

int reply(sd_varlink* link, sd_json_variant* parameters, sd_varlink_method_flags_t, void*) {
    return sd_varlink_reply(link, parameters);
}
int refuse(sd_varlink* link, sd_json_variant*, sd_varlink_method_flags_t, void*) {
    const Json message = JsonObject().set("message", Json::string("job 7 is not yours\x1b[2J")).build();
    return sd_varlink_error(link, "org.xtreemos.test.Denied", message.variant());
}
int disconnect(sd_varlink* link, sd_json_variant*, sd_varlink_method_flags_t, void*) {
    return sd_varlink_close(link);
}
int be_silent(sd_varlink*, sd_json_variant*, sd_varlink_method_flags_t, void*) {
    return 1;
}

// The numbers 1, 2, 3: an answer each.
int count(sd_varlink* link, sd_json_variant*, sd_varlink_method_flags_t flags, void*) {
    if ((flags & SD_VARLINK_METHOD_MORE) == 0)
        return sd_varlink_error(link, SD_VARLINK_ERROR_EXPECTED_MORE, nullptr);
    for (const uint64_t number : {1, 2})
        sd_varlink_notify(link, JsonObject().set("number", Json::integer(number)).build().variant());
    return sd_varlink_reply(link, JsonObject().set("number", Json::integer(3)).build().variant());
}
int begin_and_disconnect(sd_varlink* link, sd_json_variant*, sd_varlink_method_flags_t, void*) {
    sd_varlink_notify(link, JsonObject().set("number", Json::integer(1)).build().variant());
    sd_varlink_flush(link);
    return sd_varlink_close(link);
}
int begin_and_be_silent(sd_varlink* link, sd_json_variant*, sd_varlink_method_flags_t, void*) {
    return sd_varlink_notify(link, JsonObject().set("number", Json::integer(1)).build().variant());
}

struct Node : VarlinkNode {
    Node()
        : VarlinkNode({{"org.xtreemos.test.Reply", reply},
                       {"org.xtreemos.test.Refuse", refuse},
                       {"org.xtreemos.test.Disconnect", disconnect},
                       {"org.xtreemos.test.Silent", be_silent},
                       {"org.xtreemos.test.Count", count},
                       {"org.xtreemos.test.BeginAndDisconnect", begin_and_disconnect},
                       {"org.xtreemos.test.BeginAndBeSilent", begin_and_be_silent}}) {}
};

// What an observed method answered, and how it ended.
struct Observed {
    std::vector<uint64_t> numbers;
    Outcome<void> end;
};
Observed observe(const Node& node, const char* method, std::chrono::microseconds patience = 5s,
                 uint64_t fail_at = 0) {
    Observed seen;
    seen.end = observe_node(
        std::string("org.xtreemos.test.") + method, JsonObject().build(),
        [&](const Json& answer) -> Outcome<void> {
            const auto number = answer.root().integer("number", 1, 3);
            if (!number) return std::unexpected(number.error());
            seen.numbers.push_back(*number);
            if (*number == fail_at) return failure(Errc::invalid, "no more of this");
            return {};
        },
        patience, node.address());
    return seen;
}

}  // namespace

TEST_CASE("a node's answers come back") {
    const Node node;
    const Json question = JsonObject().set("number", Json::integer(7)).build();
    const auto answer = call_node("org.xtreemos.test.Reply", question, 5s, node.address());
    REQUIRE(answer);
    CHECK(answer->format() == question.format());
}

TEST_CASE("a node's refusals are sentences with a code") {
    const Node node;
    const Json none = JsonObject().build();
    const auto refused = call_node("org.xtreemos.test.Refuse", none, 5s, node.address());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::denied);
    CHECK(refused.error().message == "job 7 is not yours?[2J");
    const auto unknown = call_node("org.xtreemos.test.Unknown", none, 5s, node.address());
    REQUIRE_FALSE(unknown);
    CHECK_THAT(unknown.error().message, ContainsSubstring("another version"));
    const auto gone = call_node("org.xtreemos.test.Disconnect", none, 5s, node.address());
    REQUIRE_FALSE(gone);
    CHECK(gone.error().code == Errc::unavailable);
    const auto late = call_node("org.xtreemos.test.Silent", none, 200ms, node.address());
    REQUIRE_FALSE(late);
    CHECK(late.error().code == Errc::timeout);
}

TEST_CASE("a method that answers more than once") {
    const Node node;
    const auto counted = observe(node, "Count");
    CHECK(counted.end);
    CHECK(counted.numbers == std::vector<uint64_t>{1, 2, 3});

    const auto left = observe(node, "Count", 5s, 2);
    REQUIRE_FALSE(left.end);
    CHECK(left.end.error().message == "no more of this");
    CHECK(left.numbers == std::vector<uint64_t>{1, 2});
}

TEST_CASE("a method that answers more than once, and then no more") {
    const Node node;
    const auto gone = observe(node, "BeginAndDisconnect");
    CHECK(gone.numbers == std::vector<uint64_t>{1});
    REQUIRE_FALSE(gone.end);
    CHECK(gone.end.error().code == Errc::unavailable);
    const auto late = observe(node, "BeginAndBeSilent", 200ms);
    CHECK(late.numbers == std::vector<uint64_t>{1});
    REQUIRE_FALSE(late.end);
    CHECK(late.end.error().code == Errc::timeout);
    const auto refused = observe(node, "Refuse");
    REQUIRE_FALSE(refused.end);
    CHECK(refused.end.error().code == Errc::denied);
}

TEST_CASE("no xosd is said, whether its socket is absent or dead") {
    const TempDir dir;
    const std::string path = dir.path / "control";
    const auto absent = call_node("org.xtreemos.test.Reply", JsonObject().build(), 5s, path);
    REQUIRE_FALSE(absent);
    CHECK(absent.error().code == Errc::unavailable);
    CHECK_THAT(absent.error().message, ContainsSubstring("xosd is not running on this machine"));

    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    close(dead);
    const auto refused = call_node("org.xtreemos.test.Reply", JsonObject().build(), 5s, path);
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().message, ContainsSubstring("xosd is not running on this machine"));
}

#include "cli/session_view.h"

#include <catch2/catch_test_macros.hpp>

using namespace xos;

namespace {

Outcome<SessionView> read(const char* text) {
    const auto json = Json::parse(text, {}, "session");
    REQUIRE(json);
    const JsonNode root = json->root();
    return read_session_view(root);
}

}  // namespace

TEST_CASE("a session of which all is told") {
    const auto session = read(
        R"({"session":7,"login":"user1@physics","uid":1879048199,"service":"sshd","remote":"192.0.2.7","pid":300,)"
        R"("opened":1,"expires":2,"serial":"4a01","fingerprint":"SHA256:x","cgroup":"/a/session-7","ending":"ended by root"})");
    REQUIRE(session);
    const std::string text = format_session(*session);
    CHECK(text.contains("session:     7\n"));
    CHECK(text.contains("user:        user1@physics (uid 1879048199)\n"));
    CHECK(text.contains("from:        192.0.2.7\n"));
    CHECK(text.contains("credential:  4a01 until "));
    CHECK(text.contains("cgroup:      /a/session-7\n"));
    CHECK(text.contains("ending:      ended by root\n"));
    const std::string list = format_sessions({*session});
    CHECK(list.starts_with("SESSION"));
    CHECK(list.contains("user1@physics"));
    CHECK(list.contains("(is being ended)"));
}

TEST_CASE("a session without a credential, inside another one") {
    const auto session = read(R"({"session":8,"login":"user1@physics","service":"su"})");
    REQUIRE(session);
    const std::string text = format_session(*session);
    CHECK(text.contains("credential:  none\n"));
    CHECK(text.contains("cgroup:      that of the session it was opened in\n"));
    CHECK_FALSE(text.contains("from:"));
    CHECK(format_sessions({*session}).contains("none"));
}

TEST_CASE("what is no session is said, and no value draws on the terminal") {
    CHECK_FALSE(read(R"({"login":"user1@physics"})"));
    CHECK_FALSE(read(R"({"session":1})"));
    CHECK_FALSE(read("[]"));
    const auto hostile = read(R"({"session":1,"login":"user1@physics","remote":"\u001b[31m"})");
    REQUIRE(hostile);
    CHECK(format_session(*hostile).contains("from:        ?[31m\n"));
}

#include "cli/account_view.h"

#include <catch2/catch_test_macros.hpp>

using namespace xos;

namespace {

Outcome<NodeAccount> read(const char* text) {
    const auto json = Json::parse(text, {}, "account");
    REQUIRE(json);
    const JsonNode root = json->root();
    return read_node_account(root);
}

}  // namespace

TEST_CASE("an account of which all is told") {
    const auto account = read(
        R"({"login":"user1@physics","uid":1879048193,"vo":"physics","state":"gone","memberId":"aa","sessions":1,)"
        R"("jobs":2,"endedJobs":3,"lastLogin":1,"homes":["/home/xos/physics/user1"],"purged":5})");
    REQUIRE(account);
    CHECK(format_account_line(*account).contains("user1@physics"));
    CHECK(format_account_line(*account).contains(" gone "));
    const std::string text = format_account(*account);
    CHECK(text.contains("home:       /home/xos/physics/user1\n"));
    CHECK(text.contains("jobs:       2, and 3 that ended"));
    CHECK(text.contains("purged:"));
    CHECK_FALSE(text.contains("delegated:"));
}

TEST_CASE("an account of which getent tells as much") {
    const auto account = read(R"({"login":"user1@physics","uid":1879048193,"vo":"physics"})");
    REQUIRE(account);
    CHECK(format_account_line(*account).ends_with("-                -     -  -\n"));
    CHECK_FALSE(format_account(*account).contains("state:"));
}

TEST_CASE("odd answers") {
    CHECK_FALSE(read(R"({"login":"user1@physics","uid":-1,"vo":"physics"})"));
    CHECK_FALSE(read(R"({"uid":1,"vo":"physics"})"));
    CHECK_FALSE(read(R"([])"));
    const auto account =
        read(R"({"login":"u\u001b[2J@x","uid":1,"vo":"x","state":"go\nne","homes":["/a\u0007",7]})");
    REQUIRE(account);
    const std::string text = format_account_line(*account) + format_account(*account);
    for (const char c : text) CHECK((c >= ' ' || c == '\n'));
}

TEST_CASE("what was purged") {
    const auto json = Json::parse(
        R"({"login":"u@x","uid":7,"homes":["/home/xos/x/u"],"jobs":2,"delegated":true})", {}, "purge");
    REQUIRE(json);
    const JsonNode root = json->root();
    const auto purged = read_purge_view(root);
    REQUIRE(purged);
    CHECK(format_purge(*purged, false).contains("removed the home /home/xos/x/u\nremoved 2 ended jobs"));
    CHECK(format_purge(*purged, true).contains("would remove the delegated credential"));
    CHECK(format_purge({"u@x", 7, 0, false, {}}, false).contains("u@x has nothing here"));
}

#include "common/policy/policy_file.h"

#include <catch2/catch_test_macros.hpp>

using namespace xos;

namespace {

// But for the line, which the compact form does not keep.
void check_same(const Policy& a, const Policy& b) {
    REQUIRE(a.rules.size() == b.rules.size());
    for (size_t i = 0; i < a.rules.size(); ++i) {
        CHECK(a.rules[i].allow == b.rules[i].allow);
        CHECK(a.rules[i].actions == b.rules[i].actions);
        CHECK(a.rules[i].vos == b.rules[i].vos);
        CHECK(a.rules[i].users == b.rules[i].users);
        CHECK(a.rules[i].groups == b.rules[i].groups);
        CHECK(a.rules[i].roles == b.rules[i].roles);
        CHECK(a.rules[i].reason == b.rules[i].reason);
    }
}

void check_round_trip(std::string_view text) {
    INFO(text);
    const auto policy = parse_policy(text, "p");
    REQUIRE(policy);
    const std::string compact = format_policy(*policy);
    const auto again = parse_policy(compact, "p");
    INFO(compact);
    REQUIRE(again);
    check_same(*policy, *again);
    CHECK(format_policy(*again) == compact);
}

}  // namespace

TEST_CASE("a policy's compact form says the same") {
    check_round_trip("");
    check_round_trip("[]");
    check_round_trip("- allow: all");
    check_round_trip(
        "- allow: [login, pty]\n  vo: [physics, bio.example.org]\n  user: [user1, user2@bio]\n"
        "  group: members@physics\n  role: manager\n"
        "- deny: submit\n  reason: maintenance until Monday\n");
    check_round_trip(
        R"(- {deny: login, reason: "quote \" backslash \\ tab \t newline \n bell \x07 caf\u00e9 \u2028 \x85"})");
    check_round_trip(R"(- {deny: login, reason: '# {}[],&*!|>%@ : - "x"'})");
    check_round_trip("- {deny: login, reason: ''}");
    check_round_trip("- {deny: login, reason: 'true'}");
}

TEST_CASE("every action has its word") {
    for (size_t i = 0; i < kActionNames.size(); ++i) {
        const auto policy = parse_policy("- allow: " + std::string(kActionNames[i]), "p");
        REQUIRE(policy);
        CHECK(policy->rules[0].actions == 1u << i);
    }
    CHECK(parse_policy("- allow: all", "p")->rules[0].actions == (1u << kActionNames.size()) - 1);
}

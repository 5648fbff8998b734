#include "common/policy/policy_file.h"

#include <catch2/catch_test_macros.hpp>

using namespace xos;

namespace {

// But for the line, which the compact form does not keep.
std::vector<Rule> rules_of(const Policy& policy) {
    std::vector<Rule> rules = policy.rules();
    for (Rule& rule : rules) rule.line = 0;
    return rules;
}

void check_round_trip(std::string_view text) {
    INFO(text);
    const auto policy = parse_policy(text, "p");
    REQUIRE(policy);
    const std::string compact = format_policy(*policy);
    const auto again = parse_policy(compact, "p");
    INFO(compact);
    REQUIRE(again);
    CHECK(rules_of(*policy) == rules_of(*again));
    CHECK(format_policy(*again) == compact);
    const auto quickly = parse_compact_policy(compact, "p");
    REQUIRE(quickly);
    CHECK(quickly->rules() == rules_of(*policy));
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
    check_round_trip(
        "- allow: [submit, migrate]\n  node: ['*.example.org', node1]\n  site: lab\n  tag: [gpu, ssd]\n"
        "  when: {days: [sat-mon, wed], hours: [08:00-12:00, 22:00-06:00], from: 2026-12-01, until: "
        "2027-01-01 08:30}\n"
        "  limits: {jobs: 4, walltime: 90m, processes: 100, memory: 1536M, cpus: 0.25}\n"
        "- {allow: login, limits: {sessions: 2}, when: {hours: 18:00-24:00}}");
    check_round_trip("- {deny: login, reason: ''}");
    check_round_trip("- {deny: login, reason: 'true'}");
}

TEST_CASE("every action has its word") {
    for (size_t i = 0; i < kActionNames.size(); ++i) {
        const auto policy = parse_policy("- allow: " + std::string(kActionNames[i]), "p");
        REQUIRE(policy);
        CHECK(policy->rules()[0].actions == 1u << i);
    }
    CHECK(parse_policy("- allow: all", "p")->rules()[0].actions == (1u << kActionNames.size()) - 1);
}

TEST_CASE("a compact form that is not right is refused with its place") {
    const auto refusal = [](std::string_view text) {
        const auto policy = parse_compact_policy(text, "policy of VO physics");
        REQUIRE_FALSE(policy);
        return policy.error().message;
    };
    CHECK(refusal(R"([{"allow":["login"]},{"allow":["fly"]}])")
              .starts_with("policy of VO physics: rule 2: expected actions"));
    CHECK(refusal(R"([{"allow":["login"],"limits":{"jobs":4}}])").contains("jobs"));
    CHECK(refusal(R"({"allow":["login"]})").contains("a list of rules"));
    CHECK(refusal("[").starts_with("policy of VO physics: "));
    CHECK(refusal(R"([{"allow":["login"],"allow":["pty"]}])").contains("policy of VO physics"));
    CHECK(refusal(R"([null])").contains("policy"));
    CHECK(refusal("").contains("policy"));
    std::string many = R"([{"allow":"login")";
    for (int i = 0; i < 65; ++i) many += ",\"k" + std::to_string(i) + "\":\"v\"";
    CHECK(refusal(many + "}]").contains("at most 64 keys"));
}

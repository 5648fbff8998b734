#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "common/policy/policy_file.h"

using namespace xos;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::vector<std::string> kGroups{"analysis"};
const std::vector<std::string> kNone;

Policy policy(std::string_view text) {
    auto parsed = parse_policy(text, "node policy");
    REQUIRE(parsed);
    return *parsed;
}

Subject user1() {
    return {"physics", "user1", kGroups, kNone};
}

std::string refusal_of(std::string_view text) {
    auto parsed = parse_policy(text, "p.yaml");
    REQUIRE_FALSE(parsed);
    return parsed.error().message;
}

}  // namespace

TEST_CASE("nothing is allowed by default") {
    const Decision decision = decide(policy(""), user1(), Action::login);
    CHECK_FALSE(decision.permit);
    CHECK(decision.reason == "node policy has no rule that allows login");
}

TEST_CASE("a rule matches by VO, user, group and role, all of them") {
    CHECK(decide(policy("- {allow: login, vo: physics}"), user1(), Action::login).permit);
    CHECK_FALSE(decide(policy("- {allow: login, vo: physics}"), user1(), Action::submit).permit);
    CHECK_FALSE(decide(policy("- {allow: login, vo: bio}"), user1(), Action::login).permit);
    CHECK(decide(policy("- {allow: login, user: user1@physics}"), user1(), Action::login).permit);
    CHECK_FALSE(decide(policy("- {allow: login, user: user1@bio}"), user1(), Action::login).permit);
    CHECK(decide(policy("- {allow: login, group: analysis}"), user1(), Action::login).permit);
    CHECK(decide(policy("- {allow: login, group: members@physics}"), user1(), Action::login).permit);
    CHECK_FALSE(decide(policy("- {allow: login, vo: physics, group: other}"), user1(), Action::login).permit);
    CHECK_FALSE(decide(policy("- {allow: login, role: manager}"), user1(), Action::login).permit);
}

TEST_CASE("a deny wins wherever it stands, and says why") {
    const Decision decision = decide(policy("- {deny: login, user: user1@physics, reason: maintenance}\n"
                                            "- {allow: all, vo: physics}"),
                                     user1(), Action::login);
    CHECK_FALSE(decision.permit);
    CHECK(decision.reason == "node policy line 1 denies login: maintenance");
    CHECK_FALSE(decide(policy("- {allow: all, vo: physics}\n- {deny: login, group: analysis}"), user1(),
                       Action::login)
                    .permit);
}

TEST_CASE("both policies must allow") {
    const Policy all = policy("- {allow: all}"), none = policy("");
    CHECK(decide(all, all, user1(), Action::pty).permit);
    CHECK_FALSE(decide(all, none, user1(), Action::pty).permit);
    CHECK_FALSE(decide(none, all, user1(), Action::pty).permit);
}

TEST_CASE("a policy that is not right is refused with its place") {
    CHECK_THAT(refusal_of("- {allow: login"), ContainsSubstring("p.yaml:1:"));
    CHECK(
        refusal_of("- {alow: login}") ==
        "p.yaml:1:4: expected one of allow, deny, vo, user, group, role, reason; 'alow' is not a known key");
    CHECK_THAT(refusal_of("- {allow: fly}"), ContainsSubstring("'fly' is none"));
    CHECK_THAT(refusal_of("- {allow: login, deny: pty}"), ContainsSubstring("exactly one of"));
    CHECK_THAT(refusal_of("- {allow: login, allow: pty}"), ContainsSubstring("'allow' only once"));
    CHECK_THAT(refusal_of("- {allow: login, user: 'a b'}"), ContainsSubstring("'a b' is none"));
    CHECK_THAT(refusal_of("- {allow: login, user: []}"), ContainsSubstring("a user name"));
    CHECK_THAT(refusal_of("allow: login"), ContainsSubstring("a list of rules"));
    CHECK_THAT(refusal_of(std::string(100, '[')), ContainsSubstring("nested deeper"));
    CHECK_THAT(refusal_of(std::string(300000, ' ')), ContainsSubstring("larger than"));
    CHECK_THAT(refusal_of("- &a {allow: login}\n- *a"), ContainsSubstring("expected no alias"));
}

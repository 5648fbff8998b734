#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "common/policy/explanation.h"
#include "common/policy/policy_file.h"

using namespace xos;
using namespace std::chrono_literals;
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

const std::vector<std::string> kTags{"gpu", "ssd"};
// 2026-11-30 is a Monday.
constexpr std::chrono::sys_seconds kMonday = std::chrono::sys_days(std::chrono::year(2026) / 11 / 30);

Circumstances here() {
    return {"node1.example.org", "lab", kTags, kMonday + 10h};
}

Decision ask(std::string_view text, Action action, const Circumstances& circumstances = here()) {
    const Policy parsed = policy(text);
    const Decision decision = parsed.decide(user1(), action, circumstances);
    const Decision scanned = parsed.scan(user1(), action, circumstances);
    CHECK(decision.permit == scanned.permit);
    CHECK(decision.rule == scanned.rule);
    return decision;
}

bool permits(std::string_view text, Action action = Action::login,
             const Circumstances& circumstances = here()) {
    return ask(text, action, circumstances).permit;
}

std::string refusal_of(std::string_view text) {
    auto parsed = parse_policy(text, "p.yaml");
    REQUIRE_FALSE(parsed);
    return parsed.error().message;
}

}  // namespace

TEST_CASE("nothing is allowed by default") {
    const Decision decision = ask("", Action::login);
    CHECK_FALSE(decision.permit);
    CHECK(policy("").reason(decision, Action::login) == "node policy has no rule that allows login");
}

TEST_CASE("a rule matches by VO, user, group and role, all of them") {
    CHECK(permits("- {allow: login, vo: physics}"));
    CHECK_FALSE(permits("- {allow: login, vo: physics}", Action::submit));
    CHECK_FALSE(permits("- {allow: login, vo: bio}"));
    CHECK(permits("- {allow: login, user: user1}"));
    CHECK(permits("- {allow: login, user: user1@physics}"));
    CHECK_FALSE(permits("- {allow: login, user: user1@bio}"));
    CHECK(permits("- {allow: login, group: analysis}"));
    CHECK(permits("- {allow: login, group: members@physics}"));
    CHECK(permits("- {allow: login, group: members}"));
    CHECK_FALSE(permits("- {allow: login, group: members@bio}"));
    CHECK_FALSE(permits("- {allow: login, vo: physics, group: other}"));
    CHECK_FALSE(permits("- {allow: login, vo: bio, group: analysis}"));
    CHECK_FALSE(permits("- {allow: login, role: manager}"));
    const std::vector<std::string> roles{"manager"};
    const Subject manager{"physics", "user2", kNone, roles};
    CHECK(policy("- {allow: login, role: manager@physics}").decide(manager, Action::login, here()).permit);
    CHECK_FALSE(policy("- {allow: login, role: manager@bio}").decide(manager, Action::login, here()).permit);
}

TEST_CASE("one name of a long list is enough") {
    std::string text = "- allow: login\n  user: [";
    for (int i = 0; i < 300; ++i) text += "user" + std::to_string(i) + (i % 2 != 0 ? "@physics, " : ", ");
    CHECK(permits(text + "zoe]"));
    const Policy all = policy(text + "zoe@bio]");
    for (const char* user : {"user0", "user1", "user299", "user150"})
        CHECK(all.decide({"physics", user, kNone, kNone}, Action::login, here()).permit);
    for (const char* user : {"user300", "use", "user", "user1@physics", "zoe", ""})
        CHECK_FALSE(all.decide({"physics", user, kNone, kNone}, Action::login, here()).permit);
    CHECK_FALSE(all.decide({"bio", "user1", kNone, kNone}, Action::login, here()).permit);
    CHECK(all.decide({"bio", "zoe", kNone, kNone}, Action::login, here()).permit);
}

TEST_CASE("a rule matches by node, site and tag") {
    CHECK(permits("- {allow: login, node: node1.example.org}"));
    CHECK(permits("- {allow: login, node: '*.example.org'}"));
    CHECK(permits("- {allow: login, node: ['*.org', other]}"));
    CHECK_FALSE(permits("- {allow: login, node: '*.node1.example.org'}"));
    CHECK_FALSE(permits("- {allow: login, node: example.org}"));
    CHECK_FALSE(permits("- {allow: login, node: '*.ample.org'}"));
    CHECK(permits("- {allow: login, site: lab}"));
    CHECK_FALSE(permits("- {allow: login, site: [attic, cellar]}"));
    CHECK(permits("- {allow: login, tag: [infiniband, gpu]}"));
    CHECK_FALSE(permits("- {allow: login, tag: infiniband}"));
    CHECK_FALSE(permits("- {allow: login, site: lab, tag: infiniband}"));
    const Circumstances nowhere{"", "", {}, kMonday};
    for (const char* rule : {"node: node1", "node: '*.org'", "site: lab", "tag: gpu"})
        CHECK_FALSE(permits(std::string("- {allow: login, ") + rule + "}", Action::login, nowhere));
    // "*.example.org" is no name of a node
    CHECK_FALSE(
        permits("- {allow: login, node: example.org}", Action::login, {"*.example.org", "", {}, kMonday}));
}

TEST_CASE("a rule holds in its time") {
    const std::string rule = "- {allow: login, when: {days: mon-fri, hours: 08:00-18:00, until: 2026-12-01}}";
    CHECK(permits(rule));
    for (const auto time : {kMonday + 7h, kMonday + 18h, kMonday + 24h + 10h, kMonday - 24h + 10h})
        CHECK_FALSE(permits(rule, Action::login, {"", "", {}, time}));
}

TEST_CASE("a deny wins wherever it stands, and says why") {
    const Policy first = policy(
        "- {deny: login, user: user1@physics, reason: maintenance}\n"
        "- {allow: all, vo: physics}");
    const Decision decision = first.decide(user1(), Action::login, here());
    CHECK_FALSE(decision.permit);
    CHECK(first.reason(decision, Action::login) == "node policy line 1 denies login: maintenance");
    CHECK_FALSE(permits("- {allow: all, vo: physics}\n- {deny: login, group: analysis}"));
    CHECK_FALSE(permits("- {allow: all}\n- {deny: login, node: '*.example.org'}"));
    CHECK(permits("- {allow: all}\n- {deny: submit, user: user1}\n- {deny: login, user: user2}"));
}

TEST_CASE("of rules that allow, the first decides, with its limits") {
    const std::string_view text =
        "- {allow: submit, group: analysis, limits: {jobs: 50, walltime: 2d}}\n"
        "- {allow: submit, vo: physics, limits: {jobs: 2, memory: 1G}}\n";
    CHECK(ask(text, Action::submit).limits[Limit::jobs] == 50);
    CHECK_FALSE(ask(text, Action::submit).limits.has(Limit::memory));
    const Policy both = policy(text);
    const Subject other{"physics", "user2", kNone, kNone};
    CHECK(format_limits(both.decide(other, Action::submit, here()).limits) == "jobs 2, memory 1G");
    const Policy node = policy("- {allow: submit, limits: {jobs: 10, memory: 4G, cpus: 1.5}}");
    CHECK(format_limits(decide(both, node, other, Action::submit, here()).limits()) ==
          "jobs 2, memory 1G, cpus 1.5");
}

TEST_CASE("both policies must allow") {
    const Policy all = policy("- {allow: all}"), none = policy("");
    CHECK(decide(all, all, user1(), Action::pty, here()).permit());
    CHECK_FALSE(decide(all, none, user1(), Action::pty, here()).permit());
    CHECK_FALSE(decide(none, all, user1(), Action::pty, here()).permit());
}

TEST_CASE("an explanation names every rule that matches, in order") {
    const auto vo = parse_compact_policy(R"([{"deny":["pty"]},{"allow":["submit"],"limits":{"jobs":"4"}}])",
                                         "policy of VO physics");
    REQUIRE(vo);
    const Policy policies[] = {*vo, policy("- {allow: all}\n- {deny: login}\n"
                                           "- {deny: submit, site: lab, reason: full}\n- {deny: submit}")};
    const Explanation submit = explain(policies, user1(), Action::submit, here());
    CHECK_FALSE(submit.permit);
    CHECK(submit.reason == "node policy line 3 denies submit: full");
    CHECK(submit.rules == std::vector<std::string>{
                              "policy of VO physics rule 2 allows submit, limits jobs 4 (decides)",
                              "node policy line 1 allows submit",
                              "node policy line 3 denies submit: full (decides)",
                              "node policy line 4 denies submit",
                          });
    CHECK_FALSE(submit.limits.any());
    const Explanation login = explain(policies, user1(), Action::login, here());
    CHECK(login.reason == "policy of VO physics has no rule that allows login");
    CHECK(login.rules.front() == login.reason);
}

TEST_CASE("a policy that is not right is refused with its place") {
    CHECK_THAT(refusal_of("- {allow: login"), ContainsSubstring("p.yaml:1:"));
    CHECK(refusal_of("- {alow: login}") ==
          "p.yaml:1:4: expected one of allow, deny, vo, user, group, role, node, site, tag, when, limits, "
          "reason; "
          "'alow' is not a known key");
    CHECK_THAT(refusal_of("- {allow: fly}"), ContainsSubstring("'fly' is none"));
    CHECK_THAT(refusal_of("- {allow: login, deny: pty}"), ContainsSubstring("exactly one of"));
    CHECK_THAT(refusal_of("- {allow: login, allow: pty}"), ContainsSubstring("'allow' only once"));
    CHECK_THAT(refusal_of("- {allow: login, user: 'a b'}"), ContainsSubstring("'a b' is none"));
    CHECK_THAT(refusal_of("- {allow: login, user: []}"), ContainsSubstring("a user name"));
    CHECK_THAT(refusal_of("allow: login"), ContainsSubstring("a list of rules"));
    CHECK_THAT(refusal_of(std::string(100, '[')), ContainsSubstring("nested deeper"));
    CHECK_THAT(refusal_of(std::string(kPolicyTextMax + 1, ' ')), ContainsSubstring("larger than"));
    CHECK_THAT(refusal_of("- &a {allow: login}\n- *a"), ContainsSubstring("expected no alias"));
}

TEST_CASE("a message points at the word that is wrong") {
    CHECK_THAT(refusal_of("- allow: login\n  node: [a.org, '*']"),
               ContainsSubstring("p.yaml:2:17: expected a host name or *.domain"));
    CHECK_THAT(refusal_of("- allow: login\n  node: '*.*.org'"), ContainsSubstring("'*.*.org' is none"));
    CHECK_THAT(refusal_of("- allow: login\n  node: A.org"), ContainsSubstring("in lower case"));
    CHECK_THAT(refusal_of("- allow: login\n  site: a b"), ContainsSubstring("p.yaml:2:9: expected a site"));
    CHECK_THAT(refusal_of("- allow: login\n  when: mon-fri"),
               ContainsSubstring("p.yaml:2:9: expected a map"));
    CHECK_THAT(refusal_of("- allow: login\n  when: {}"), ContainsSubstring("days, hours, from or until"));
    CHECK_THAT(refusal_of("- allow: login\n  when: {days: [mon, tues]}"),
               ContainsSubstring("'tues' is none"));
    CHECK_THAT(refusal_of("- allow: login\n  when: {hours: 8-18}"), ContainsSubstring("hours (UTC) such as"));
    CHECK_THAT(refusal_of("- allow: login\n  when: {from: tomorrow}"),
               ContainsSubstring("a time (UTC) such as"));
    CHECK_THAT(refusal_of("- allow: login\n  when: {from: 2026-12-02, until: 2026-12-01}"),
               ContainsSubstring("'from' to be before 'until'"));
    CHECK_THAT(refusal_of("- allow: submit\n  limits: {jobs: many}"),
               ContainsSubstring("p.yaml:2:18: expected a number, 1 or more after 'jobs'"));
    CHECK_THAT(refusal_of("- allow: submit\n  limits: {walltime: 12}"), ContainsSubstring("a time such as"));
    CHECK_THAT(refusal_of("- allow: submit\n  limits: {memory: 1K}"), ContainsSubstring("a size such as"));
    CHECK_THAT(refusal_of("- allow: submit\n  limits: {disk: 1G}"),
               ContainsSubstring("'disk' is not a known key"));
    CHECK_THAT(refusal_of("- allow: submit\n  limits: {}"), ContainsSubstring("at least one limit"));
    CHECK_THAT(refusal_of("- deny: submit\n  limits: {jobs: 1}"), ContainsSubstring("on a rule that allows"));
}

TEST_CASE("a limit that no action of its rule would hold is refused") {
    CHECK_THAT(refusal_of("- allow: login\n  limits: {jobs: 4}"),
               ContainsSubstring("'jobs' on a rule that allows submit, checkpoint or migrate"));
    CHECK_THAT(refusal_of("- allow: submit\n  limits: {sessions: 4}"),
               ContainsSubstring("'sessions' on a rule that allows login or su"));
    CHECK(parse_policy("- allow: [login, submit]\n  limits: {sessions: 4, jobs: 4}", "p"));
    CHECK(parse_policy("- allow: login\n  limits: {memory: 4G, processes: 100, cpus: 2}", "p"));
    CHECK_THAT(refusal_of("- allow: pty\n  limits: {memory: 4G}"),
               ContainsSubstring("'memory' on a rule that allows login, su, submit, checkpoint or migrate"));
}

TEST_CASE("a policy that is too much is refused") {
    std::string rules, names = "- allow: login\n  user: [";
    for (size_t i = 0; i <= kRulesMax; ++i) rules += "- deny: su\n";
    CHECK_THAT(refusal_of(rules), ContainsSubstring("at most 16384 rules"));
    for (size_t i = 0; i <= kRuleNamesMax; ++i) names += "u" + std::to_string(i) + ",";
    CHECK_THAT(refusal_of(names + "]"), ContainsSubstring("at most 32768 names"));
}

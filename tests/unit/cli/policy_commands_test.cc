#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "cli/policy_change.h"
#include "cli/policy_expectations.h"
#include "tests/unit/ssh/command.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

using Lines = std::vector<std::string>;

// 2026-11-30 is a Monday.
constexpr std::chrono::sys_seconds kNow =
    std::chrono::sys_days(std::chrono::year(2026) / 11 / 30) + std::chrono::hours(10);

Policy policy(std::string_view text) {
    auto parsed = parse_policy(text, "p.yaml");
    if (!parsed) FAIL(parsed.error().message);
    return *parsed;
}

Lines changes(std::string_view before, std::string_view after) {
    const Policy old = policy(before), next = policy(after);
    Lines lines;
    for (const PolicyChange& change :
         compare(old, next, name_subjects(old, next).value(),
                 name_situations(old, next, {"", "", {}, kNow}, false, false).value()))
        lines.push_back(describe(change));
    return lines;
}

ExpectationFile expectations(std::string_view tests) {
    auto file = read_expectations("policy: p.yaml\ntests:\n" + std::string(tests), "t.yaml", kNow);
    if (!file) FAIL(file.error().message);
    return *file;
}

std::string refusal_of(std::string_view text) {
    const auto file = read_expectations(text, "t.yaml", kNow);
    return file ? "" : file.error().message;
}

Lines unmet(std::string_view rules, std::string_view tests) {
    const Policy policies[] = {policy(rules)};
    return find_unmet(expectations(tests).tests, policies);
}

}  // namespace

TEST_CASE("a difference says who gains and who loses what") {
    CHECK(changes("- {allow: login, vo: physics}", "- {allow: [login, pty], vo: physics}") ==
          Lines{"any member of physics gains pty"});
    CHECK(changes("- {allow: login}", "- {allow: login}\n- {deny: login, user: user2}") ==
          Lines{"user2 loses login"});
    CHECK(changes("- {allow: login, group: analysis@physics}", "- {allow: login, group: guests@physics}") ==
          Lines{"any member of physics, group analysis loses login",
                "any member of physics, group guests gains login"});
    CHECK(changes("- {allow: submit, role: operator, group: analysis}", "[]") ==
          Lines{"any member, group analysis, role operator loses submit"});
    CHECK(changes("- {allow: submit, limits: {jobs: 2}}", "- {allow: submit, limits: {jobs: 4}}") ==
          Lines{"any member: limits of submit change from jobs 2 to jobs 4"});
}

TEST_CASE("a difference that is none is none") {
    CHECK(changes("- {allow: [login, pty], user: [user1, user2]}",
                  "- {allow: pty, user: [user2, user1]}\n- {allow: login, user: user1}\n- {allow: login, "
                  "user: user2}")
              .empty());
    CHECK(changes("- {allow: all}\n- {deny: su}", "- {deny: su, reason: no}\n- {allow: all}").empty());
    CHECK(changes("[]", "- {deny: all}").empty());
}

TEST_CASE("a difference that shows on some nodes or at some hours only is found there") {
    const Lines node =
        changes("- {allow: login}", "- {allow: login}\n- {deny: login, node: '*.example.org'}");
    REQUIRE(node.size() == 1);
    CHECK_THAT(node[0], ContainsSubstring("any member loses login (for instance: node any.example.org, "));
    const Lines tag = changes("[]", "- {allow: submit, tag: gpu, site: lab}");
    REQUIRE(tag.size() == 1);
    CHECK_THAT(tag[0], ContainsSubstring("site lab, tag gpu"));
    const Lines hours = changes("- {allow: login, when: {hours: 08:00-18:00}}",
                                "- {allow: login, when: {hours: 08:00-17:00}}");
    REQUIRE(hours.size() == 1);
    CHECK_THAT(hours[0], ContainsSubstring("any member loses login (for instance: 2026-11-30 17:00:00 UTC)"));
    const Lines later = changes("- {allow: login}", "- {allow: login, when: {until: 2027-06-01}}");
    REQUIRE(later.size() == 1);
    CHECK_THAT(later[0], ContainsSubstring("2027-06-01 00:00:00 UTC"));
    CHECK(
        changes("- {allow: login, when: {days: sun}}", "- {allow: login, when: {days: [sat, sun]}}").size() ==
        1);
}

TEST_CASE("what is too much to be compared is said, and at once") {
    const auto list = [](const char* letter, int count) {
        std::string names;
        for (int i = 0; i < count; ++i) names += compose("{}{}{:04}", i == 0 ? "" : ", ", letter, i);
        return names;
    };
    const Situation base{"", "", {}, kNow};
    const Policy none = policy("[]");
    const auto subjects = [&](int count) {
        return name_subjects(
            none,
            policy(compose("- {{allow: login, user: [{0}], group: [{0}], role: [{0}]}}", list("n", count))));
    };
    CHECK(subjects(16).value().size() == 4096 + 1);
    CHECK_THAT(subjects(17).error().message,
               ContainsSubstring("p.yaml line 1: 4913 ") && ContainsSubstring("more than can be compared"));
    CHECK_FALSE(subjects(9000));
    const auto situations = [&](int count, bool fixed_node) {
        return name_situations(
            none,
            policy(compose("- {{allow: login, node: [{0}], site: [{0}], tag: [{0}]}}", list("n", count))),
            base, fixed_node, false);
    };
    CHECK(situations(16, false).value().size() == 4096 + 1);
    CHECK_THAT(situations(17, false).error().message, ContainsSubstring("narrow it with --node"));
    CHECK_FALSE(situations(9000, false));
    CHECK(situations(9000, true).value().size() == 1);
    // many places at many times
    std::string rules;
    for (int i = 0; i < 1100; ++i)
        rules += compose(
            "- {{allow: login, node: n{0}, site: [a, b, c, d, e, f, g, h], "
            "when: {{until: {1}-{2:02}-{3:02}}}}}\n",
            i, 2027 + i / 336, 1 + i / 28 % 12, 1 + i % 28);
    CHECK_THAT(name_situations(none, policy(rules), base, false, false).error().message,
               ContainsSubstring("more than can be compared"));
}

TEST_CASE("what a policy's tests expect is compared with it") {
    constexpr std::string_view kRules =
        "- {allow: [login, submit], group: analysis, node: '*.example.org', limits: {jobs: 4}}\n"
        "- {deny: submit, when: {days: sat-sun}, reason: weekend}\n";
    CHECK(unmet(kRules,
                "- {permit: [login, submit], who: user1@physics, group: analysis, node: n1.example.org, "
                "limits: {jobs: 4}}\n"
                "- {deny: submit, who: user1@physics, group: analysis, node: n1.example.org, at: 2026-12-05 "
                "10:00}\n"
                "- {deny: [login, pty], who: user1@physics, node: n1.example.org}\n")
              .empty());
    const Lines wrong =
        unmet(kRules,
              "- {permit: [login, submit], who: user1@physics, group: analysis, "
              "node: n1.example.org, at: 2026-12-05}\n"
              "- permit: submit\n  who: user1@physics\n  group: analysis\n  node: n1.example.org\n"
              "  limits: {jobs: 5}\n");
    CHECK(wrong == Lines{"t.yaml:3:3: expected that user1@physics, group analysis is permitted submit, but: "
                         "p.yaml line 2 denies "
                         "submit: weekend",
                         "t.yaml:4:3: expected limits of submit for user1@physics, group analysis: jobs 5, "
                         "but they are: jobs 4"});
}

TEST_CASE("tests that are not right are refused with their place") {
    CHECK_THAT(refusal_of("tests: []"), ContainsSubstring("'policy', the file"));
    CHECK_THAT(refusal_of("policy: p\ntests: []"), ContainsSubstring("a list of at least one test"));
    CHECK_THAT(refusal_of("policy: p\n"), ContainsSubstring("'tests'"));
    const auto one = [](const char* test) {
        return refusal_of(compose("policy: p\ntests:\n  - {{{}}}\n", test));
    };
    CHECK_THAT(one("permit: login, deny: pty, who: a@b"),
               ContainsSubstring("t.yaml:3:5: expected exactly one of"));
    CHECK_THAT(one("permit: fly, who: a@b"),
               ContainsSubstring("t.yaml:3:14: expected an action; 'fly' is none"));
    CHECK_THAT(one("permit: login"), ContainsSubstring("'who', a login name"));
    CHECK_THAT(one("permit: login, who: user1"), ContainsSubstring("'who', a login name"));
    CHECK_THAT(one("permit: login, who: a@b, at: noon"), ContainsSubstring("a time (UTC)"));
    CHECK_THAT(one("permit: login, who: a@b, node: [n1, n2]"), ContainsSubstring("only one"));
    CHECK_THAT(one("permit: login, who: a@b, group: A"), ContainsSubstring("'A' is none"));
    CHECK_THAT(one("deny: login, who: a@b, limits: {jobs: 1}"), ContainsSubstring("of what is permitted"));
    CHECK_THAT(one("permit: submit, who: a@b, limits: {disk: 1}"), ContainsSubstring("'disk' is none"));
}

TEST_CASE("the policy of a node.yaml is found in it") {
    const TempDir directory;
    const std::string path = directory.path / "node.yaml";
    write_file(path, "home: /data\npolicy:\n  - allow: login\n  - deny: fly\n");
    CHECK(load_policy(path).error().message.starts_with(path + ":4:11: expected actions of"));
    write_file(path, "home: /data\npolicy:\n  - allow: login\n");
    CHECK(load_policy(path)->rules().size() == 1);
    write_file(path, "home: /data\n");
    CHECK_THAT(load_policy(path).error().message, ContainsSubstring("the key 'policy'"));
    CHECK_FALSE(load_policy(directory.path / "absent"));
}

// What holds for every policy, tried with random ones: the index changes no decision, and an edit that only
// adds a deny never widens access.
#include <catch2/catch_test_macros.hpp>
#include <random>

#include "common/policy/policy_file.h"

using namespace xos;

namespace {

using Names = std::vector<std::string>;
using Random = std::mt19937;

constexpr std::chrono::sys_seconds kStart = std::chrono::sys_days(std::chrono::year(2026) / 11 / 30);
const Names kVos{"physics", "bio", "chem.example.org"};
const Names kUsers{
    "user1", "user2", "user3", "user4", "user1@physics", "user2@bio", "user3@chem.example.org"};
const Names kGroups{"analysis",    "guests",           "members",
                    "members@bio", "analysis@physics", "guests@chem.example.org"};
const Names kRoles{"manager", "operator", "manager@physics", "operator@bio"};
const Names kNodes{"node1", "node1.example.org",     "*.example.org",
                   "*.org", "node2.lab.example.org", "*.lab.example.org"};
const Names kSites{"lab", "attic"};
const Names kTags{"gpu", "ssd", "infiniband"};

size_t below(Random& random, size_t end) {
    return std::uniform_int_distribution<size_t>(0, end - 1)(random);
}

Names some(Random& random, const Names& from, unsigned one_in) {
    Names names;
    if (below(random, one_in) != 0) return names;
    for (size_t i = below(random, 3) + 1; i > 0; --i) names.push_back(from[below(random, from.size())]);
    return names;
}

TimeWindow some_window(Random& random) {
    TimeWindow window;
    if (below(random, 4) != 0) return window;
    if (below(random, 2) == 0) window.days = static_cast<uint8_t>(below(random, 128));
    if (below(random, 2) == 0) {
        const auto begin = static_cast<uint16_t>(below(random, 1440));
        auto end = static_cast<uint16_t>(below(random, 1440) + 1);
        if (begin == end) ++end;
        window.hours = {{begin, end}};
    }
    if (below(random, 3) == 0) window.from = kStart + std::chrono::hours(below(random, 200));
    if (below(random, 3) == 0) window.until = kStart + std::chrono::hours(below(random, 200));
    return window;
}

Rule some_rule(Random& random, bool allow) {
    Rule rule;
    rule.allow = allow;
    rule.actions = static_cast<uint32_t>(below(random, 255) + 1);
    rule.vos = some(random, kVos, 3);
    rule.users = some(random, kUsers, 3);
    rule.groups = some(random, kGroups, 3);
    rule.roles = some(random, kRoles, 5);
    rule.nodes = some(random, kNodes, 5);
    rule.sites = some(random, kSites, 6);
    rule.tags = some(random, kTags, 6);
    rule.when = some_window(random);
    if (allow && below(random, 2) == 0) rule.limits[Limit::jobs] = below(random, 9) + 1;
    return rule;
}

std::vector<Rule> some_rules(Random& random) {
    std::vector<Rule> rules;
    for (size_t i = below(random, 12); i > 0; --i) rules.push_back(some_rule(random, below(random, 3) != 0));
    return rules;
}

struct Question {
    std::string vo, user, node, site;
    Names groups, roles, tags;
    Action action;
    std::chrono::sys_seconds time;

    Subject subject() const { return {vo, user, groups, roles}; }
    Circumstances circumstances() const { return {node, site, tags, time}; }
};

Question some_question(Random& random) {
    const auto plain = [&](const Names& from, unsigned one_in) {
        Names names = some(random, from, one_in);
        for (std::string& name : names) name = name.substr(0, name.find('@'));
        return names;
    };
    const Names nodes{"", "node1", "node1.example.org", "node2.lab.example.org", "example.org"},
        sites{"", "lab", "attic"};
    return {kVos[below(random, kVos.size())],
            "user" + std::to_string(below(random, 6)),
            nodes[below(random, nodes.size())],
            sites[below(random, sites.size())],
            plain(kGroups, 2),
            plain(kRoles, 2),
            some(random, kTags, 2),
            static_cast<Action>(below(random, kActionNames.size())),
            kStart + std::chrono::minutes(below(random, 20000))};
}

}  // namespace

TEST_CASE("the index decides as a scan of all rules does") {
    Random random(1);
    size_t permitted = 0, denied = 0;
    for (int round = 0; round < 3000; ++round) {
        const Policy policy("p", some_rules(random));
        for (int i = 0; i < 20; ++i) {
            const Question question = some_question(random);
            const auto subject = question.subject();
            const Decision indexed = policy.decide(subject, question.action, question.circumstances()),
                           scanned = policy.scan(subject, question.action, question.circumstances());
            INFO(format_policy(policy));
            REQUIRE(indexed.permit == scanned.permit);
            REQUIRE(indexed.rule == scanned.rule);
            REQUIRE(indexed.limits == scanned.limits);
            permitted += indexed.permit;
            denied += !indexed.permit && indexed.rule != Decision::kNoRule;
        }
    }
    // the questions are such that all answers happen
    CHECK(permitted > 5000);
    CHECK(denied > 2000);
}

TEST_CASE("an edit that only adds a deny never widens access") {
    Random random(2);
    size_t narrowed = 0;
    for (int round = 0; round < 3000; ++round) {
        std::vector<Rule> rules = some_rules(random);
        const Policy before("p", rules);
        const size_t place = below(random, rules.size() + 1);
        rules.insert(rules.begin() + static_cast<ptrdiff_t>(place), some_rule(random, false));
        const Policy after("p", std::move(rules));
        for (int i = 0; i < 20; ++i) {
            const Question question = some_question(random);
            const Decision old = before.decide(question.subject(), question.action, question.circumstances()),
                           now = after.decide(question.subject(), question.action, question.circumstances());
            INFO(format_policy(after));
            if (now.permit) {
                REQUIRE(old.permit);
                REQUIRE(now.limits == old.limits);
            }
            narrowed += old.permit && !now.permit;
        }
    }
    CHECK(narrowed > 500);
}

TEST_CASE("a node's policy never widens what the VO allows, nor its limits") {
    Random random(3);
    for (int round = 0; round < 2000; ++round) {
        const Policy vo("vo", some_rules(random)), node("node", some_rules(random));
        for (int i = 0; i < 10; ++i) {
            const Question question = some_question(random);
            const JointDecision both =
                decide(vo, node, question.subject(), question.action, question.circumstances());
            if (!both.permit()) continue;
            REQUIRE(vo.decide(question.subject(), question.action, question.circumstances()).permit);
            REQUIRE(both.limits()[Limit::jobs] <= both.vo.limits[Limit::jobs]);
            REQUIRE(both.limits()[Limit::jobs] <= both.node.limits[Limit::jobs]);
        }
    }
}

#include "cli/policy_change.h"

#include <array>
#include <functional>

namespace xos {
namespace {

constexpr size_t kCombinationsMax = 4096;  // of one rule

using Names = std::vector<std::string>;

// The VOs that the rules name; one without a name where they name none.
std::set<std::string> find_vos(const Policy& before, const Policy& after) {
    std::set<std::string> vos;
    for (const Policy* policy : {&before, &after})
        for (const Rule& rule : policy->rules()) {
            vos.insert(rule.vos.begin(), rule.vos.end());
            for (const Names* names : {&rule.users, &rule.groups, &rule.roles})
                for (const std::string& name : *names)
                    if (const size_t at = name.find('@'); at != std::string::npos)
                        vos.insert(name.substr(at + 1));
        }
    if (vos.empty()) vos.insert("");
    return vos;
}

// The names that mean something in vo, without it; one empty name where the rule asks for none.
Names names_in(const Names& names, const std::string& vo) {
    if (names.empty()) return {""};
    Names plain;
    for (const std::string& name : names) {
        const size_t at = name.find('@');
        if (at == std::string::npos || name.substr(at + 1) == vo) plain.push_back(name.substr(0, at));
    }
    return plain;
}

Names one_or_none(const std::string& name) {
    return name.empty() ? Names{} : Names{name};
}

// No list of a policy is so long that the product could overflow (kRuleNamesMax).
Outcome<void> check_combinations(const Policy& policy, const Rule& rule, size_t count, const char* of,
                                 const char* advice) {
    if (count <= kCombinationsMax) return {};
    return failure(Errc::invalid, "{} line {}: {} {} of one rule are more than can be compared{}",
                   policy.source(), rule.line, count, of, advice);
}

Outcome<void> add_subjects(const Policy& policy, const Rule& rule, const std::string& vo,
                           std::set<PolicySubject>& subjects) {
    if (!rule.vos.empty() && !std::ranges::contains(rule.vos, vo)) return {};
    const Names users = names_in(rule.users, vo), roles = names_in(rule.roles, vo);
    Names groups = names_in(rule.groups, vo);
    auto few = check_combinations(policy, rule, users.size() * groups.size() * roles.size(),
                                  "combinations of user, group and role", "");
    if (!few) return few;
    for (std::string& group : groups)
        if (group == "members") group.clear();
    for (const std::string& user : users)
        for (const std::string& group : groups)
            for (const std::string& role : roles)
                subjects.insert({vo, user, one_or_none(group), one_or_none(role)});
    return {};
}

Names or_empty(Names names) {
    return names.empty() ? Names{""} : names;
}

Outcome<void> add_places(const Policy& policy, const Rule& rule, const Situation& base,
                         std::set<Situation>& places) {
    const Names nodes = or_empty(rule.nodes), sites = or_empty(rule.sites), tags = or_empty(rule.tags);
    auto few = check_combinations(policy, rule, nodes.size() * sites.size() * tags.size(),
                                  "combinations of node, site and tag", ": narrow it with --node");
    if (!few) return few;
    for (std::string node : nodes)
        for (const std::string& site : sites)
            for (const std::string& tag : tags) {
                if (node.starts_with('*')) node = "any" + node.substr(1);
                places.insert({node, site, one_or_none(tag), base.time});
            }
    return {};
}

// When the window begins and ends to hold: its own ends, and those of its hours in the week from base on.
void add_times(const TimeWindow& window, std::chrono::sys_seconds base,
               std::set<std::chrono::sys_seconds>& times) {
    using std::chrono::minutes, std::chrono::seconds, std::chrono::days;
    if (window.always()) return;
    if (window.from != TimeWindow{}.from) times.insert({window.from, window.from - seconds(1)});
    if (window.until != TimeWindow{}.until) times.insert({window.until, window.until - seconds(1)});
    if (window.hours.empty() && window.days == TimeWindow{}.days) return;
    std::set<std::chrono::sys_days> starts;
    for (const auto start : {base, window.from == TimeWindow{}.from ? base : window.from})
        for (int day = 0; day < 7; ++day) starts.insert(std::chrono::floor<days>(start) + days(day));
    for (const auto day : starts) {
        times.insert(day + minutes(720));
        for (const HourRange& range : window.hours)
            times.insert({day + minutes(range.begin), day + minutes(range.end),
                          day + minutes(range.begin) - seconds(1), day + minutes(range.end) - seconds(1)});
    }
}

}  // namespace

Outcome<std::set<PolicySubject>> name_subjects(const Policy& before, const Policy& after) {
    std::set<PolicySubject> subjects;
    for (const std::string& vo : find_vos(before, after)) {
        subjects.insert({vo, "", {}, {}});
        for (const Policy* policy : {&before, &after})
            for (const Rule& rule : policy->rules())
                if (auto added = add_subjects(*policy, rule, vo, subjects); !added)
                    return std::unexpected(added.error());
    }
    return subjects;
}

Outcome<std::set<Situation>> name_situations(const Policy& before, const Policy& after, const Situation& base,
                                             bool fixed_node, bool fixed_time) {
    std::set<Situation> places{base};
    std::set<std::chrono::sys_seconds> times{base.time};
    for (const Policy* policy : {&before, &after})
        for (const Rule& rule : policy->rules()) {
            if (!fixed_node)
                if (auto added = add_places(*policy, rule, base, places); !added)
                    return std::unexpected(added.error());
            if (!fixed_time) add_times(rule.when, base.time, times);
        }
    if (places.size() * times.size() > kQuestionsMax)
        return failure(Errc::invalid,
                       "{} places at {} times are more than can be compared: narrow it with --node and --at",
                       places.size(), times.size());
    std::set<Situation> situations;
    for (Situation situation : places)
        for (const auto time : times) {
            situation.time = time;
            situations.insert(situation);
        }
    return situations;
}

std::string describe(const PolicyChange& change) {
    std::string text = change.subject;
    switch (change.kind) {
        case PolicyChange::Kind::gains:
            text += compose(" gains {}", action_name(change.action));
            break;
        case PolicyChange::Kind::loses:
            text += compose(" loses {}", action_name(change.action));
            break;
        case PolicyChange::Kind::limits:
            text += compose(": limits of {} change {}", action_name(change.action), change.detail);
            break;
    }
    return change.situation.empty() ? text : text + compose(" (for instance: {})", change.situation);
}

std::vector<PolicyChange> compare(const Policy& before, const Policy& after,
                                  const std::set<PolicySubject>& subjects,
                                  const std::set<Situation>& situations) {
    using Kind = PolicyChange::Kind;
    std::vector<PolicyChange> changes;
    for (const PolicySubject& subject : subjects)
        for (size_t i = 0; i < kActionNames.size(); ++i) {
            const auto action = static_cast<Action>(i);
            std::array<size_t, 3> counts{};
            std::array<PolicyChange, 3> first;
            for (const Situation& situation : situations) {
                const Decision old = before.decide(subject.view(), action, situation.view()),
                               now = after.decide(subject.view(), action, situation.view());
                if (old.permit == now.permit && old.limits == now.limits) continue;
                const Kind kind = old.permit == now.permit ? Kind::limits
                                  : now.permit             ? Kind::gains
                                                           : Kind::loses;
                const auto slot = static_cast<size_t>(kind);
                if (counts[slot]++ > 0) continue;
                first[slot] = {
                    subject.name(), action, kind, situation.name(),
                    compose("from {} to {}", format_limits(old.limits), format_limits(now.limits))};
            }
            for (size_t kind = 0; kind < counts.size(); ++kind) {
                if (counts[kind] == 0) continue;
                if (counts[kind] == situations.size()) first[kind].situation.clear();
                changes.push_back(std::move(first[kind]));
            }
        }
    return changes;
}

}  // namespace xos

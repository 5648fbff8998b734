#include <algorithm>

#include "common/failure.h"
#include "common/policy/policy.h"

namespace xos {
namespace {

// pattern is "name" or "name@vo"; the name alone means the subject's own VO
bool names(std::string_view pattern, std::string_view name, std::string_view vo) {
    const size_t at = pattern.find('@');
    if (at == std::string_view::npos) return pattern == name;
    return pattern.substr(0, at) == name && pattern.substr(at + 1) == vo;
}

bool matches_any(const std::vector<std::string>& patterns, std::string_view name, std::string_view vo) {
    return std::ranges::any_of(patterns,
                               [&](const std::string& pattern) { return names(pattern, name, vo); });
}

bool in_groups(const Rule& rule, const Subject& subject) {
    if (matches_any(rule.groups, "members", subject.vo)) return true;
    return std::ranges::any_of(subject.groups, [&](const std::string& group) {
        return matches_any(rule.groups, group, subject.vo);
    });
}

bool matches(const Rule& rule, const Subject& subject, Action action) {
    if ((rule.actions & (1u << static_cast<unsigned>(action))) == 0) return false;
    if (!rule.vos.empty() && std::ranges::find(rule.vos, subject.vo) == rule.vos.end()) return false;
    if (!rule.users.empty() && !matches_any(rule.users, subject.user, subject.vo)) return false;
    if (!rule.groups.empty() && !in_groups(rule, subject)) return false;
    return rule.roles.empty() || std::ranges::any_of(subject.roles, [&](const std::string& role) {
               return matches_any(rule.roles, role, subject.vo);
           });
}

}  // namespace

Decision decide(const Policy& policy, const Subject& subject, Action action) {
    const Rule* allowed = nullptr;
    for (const Rule& rule : policy.rules) {
        if (!matches(rule, subject, action)) continue;
        if (!rule.allow)
            return {false, compose("{} line {} denies {}{}{}", policy.source, rule.line, action_name(action),
                                   rule.reason.empty() ? "" : ": ", rule.reason)};
        if (allowed == nullptr) allowed = &rule;
    }
    if (allowed == nullptr)
        return {false, compose("{} has no rule that allows {}", policy.source, action_name(action))};
    return {true, compose("{} line {} allows {}", policy.source, allowed->line, action_name(action))};
}

Decision decide(const Policy& vo_policy, const Policy& node_policy, const Subject& subject, Action action) {
    Decision decision = decide(vo_policy, subject, action);
    if (!decision.permit) return decision;
    return decide(node_policy, subject, action);
}

}  // namespace xos

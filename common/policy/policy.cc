#include "common/policy/policy.h"

#include "common/failure.h"
#include "common/policy/rule_index.h"

namespace xos {
namespace {

Decision make_decision(std::span<const Rule> rules, RuleIndex::Found found) {
    if (found.deny != UINT32_MAX) return {false, found.deny, {}};
    if (found.allow == UINT32_MAX) return {};
    return {true, found.allow, rules[found.allow].limits};
}

}  // namespace

struct Policy::Compiled {
    Compiled(std::string name, std::vector<Rule> list)
        : source(std::move(name)), rules(sorted(std::move(list))) {}

    static std::vector<Rule> sorted(std::vector<Rule> list) {
        for (Rule& rule : list) prepare(rule);
        return list;
    }

    const std::string source;
    const std::vector<Rule> rules;
    const RuleIndex index{rules};
};

Policy::Policy(std::string source, std::vector<Rule> rules)
    : compiled_(std::make_shared<const Compiled>(std::move(source), std::move(rules))) {}

const std::string& Policy::source() const {
    return compiled_->source;
}

const std::vector<Rule>& Policy::rules() const {
    return compiled_->rules;
}

Decision Policy::decide(const Subject& subject, Action action, const Circumstances& circumstances) const {
    return make_decision(rules(), compiled_->index.find(rules(), subject, action, circumstances));
}

Decision Policy::scan(const Subject& subject, Action action, const Circumstances& circumstances) const {
    RuleIndex::Found found{UINT32_MAX, UINT32_MAX};
    for (uint32_t i = 0; i < rules().size(); ++i) {
        const Rule& rule = rules()[i];
        if (rule.allow && found.allow != UINT32_MAX) continue;
        if (!matches(rule, subject, action, circumstances)) continue;
        (rule.allow ? found.allow : found.deny) = i;
        if (!rule.allow) break;
    }
    return make_decision(rules(), found);
}

std::vector<uint32_t> Policy::find_matching(const Subject& subject, Action action,
                                            const Circumstances& circumstances) const {
    std::vector<uint32_t> found;
    for (uint32_t i = 0; i < rules().size(); ++i)
        if (matches(rules()[i], subject, action, circumstances)) found.push_back(i);
    return found;
}

std::string Policy::reason(const Decision& decision, Action action) const {
    if (decision.rule == Decision::kNoRule)
        return compose("{} has no rule that allows {}", source(), action_name(action));
    const Rule& rule = rules()[decision.rule];
    const std::string place =
        rule.line > 0 ? compose("line {}", rule.line) : compose("rule {}", decision.rule + 1);
    return compose("{} {} {} {}{}{}", source(), place, rule.allow ? "allows" : "denies", action_name(action),
                   rule.allow || rule.reason.empty() ? "" : ": ", rule.allow ? "" : rule.reason);
}

JointDecision decide(const Policy& vo_policy, const Policy& node_policy, const Subject& subject,
                     Action action, const Circumstances& circumstances) {
    return {vo_policy.decide(subject, action, circumstances),
            node_policy.decide(subject, action, circumstances)};
}

std::string reason(const Policy& vo_policy, const Policy& node_policy, const JointDecision& decision,
                   Action action) {
    return decision.vo.permit ? node_policy.reason(decision.node, action)
                              : vo_policy.reason(decision.vo, action);
}

}  // namespace xos

#include "common/policy/explanation.h"

#include "common/failure.h"

namespace xos {

Explanation explain(std::span<const Policy> policies, const Subject& subject, Action action,
                    const Circumstances& circumstances) {
    Explanation all{.permit = true, .reason = {}, .rules = {}, .limits = {}};
    for (const Policy& policy : policies) {
        const Decision decision = policy.decide(subject, action, circumstances);
        if (all.permit) all.reason = policy.reason(decision, action);
        all.permit = all.permit && decision.permit;
        all.limits = tighter(all.limits, decision.limits);
        const auto matching = policy.find_matching(subject, action, circumstances);
        if (matching.empty()) all.rules.push_back(policy.reason(decision, action));
        for (const uint32_t rule : matching) {
            const Decision one{policy.rules()[rule].allow, rule, policy.rules()[rule].limits};
            std::string line = policy.reason(one, action);
            if (one.limits.any()) line += compose(", limits {}", format_limits(one.limits));
            all.rules.push_back(line + (rule == decision.rule ? " (decides)" : ""));
        }
    }
    if (!all.permit) all.limits = {};
    return all;
}

}  // namespace xos

#include "cda/vo_policy.h"

#include "common/policy/policy_file.h"
#include "common/vo/records.h"

namespace xos {

Outcome<std::string> compile_policy(std::string_view text) {
    const auto policy = parse_policy(text, "policy");
    if (!policy) return std::unexpected(policy.error());
    // nothing at all is more likely a mistake than the wish to shut everybody out
    if (policy->rules().empty() && text.find("[]") == std::string_view::npos)
        return failure(Errc::invalid, "the policy has no rules: write [] to allow nothing");
    std::string compiled = format_policy(*policy);
    if (compiled.size() > kPolicyMax)
        return failure(Errc::invalid, "the policy is larger than {} bytes once compiled", kPolicyMax);
    return compiled;
}

}  // namespace xos

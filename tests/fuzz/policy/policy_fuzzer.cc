// Bytes as a policy and as a node's configuration would hold them: neither a crash nor a long wait, what was
// read is what its compact form says, and the index decides as a scan of all rules does.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "common/policy/explanation.h"
#include "common/policy/policy_file.h"

namespace {

using namespace xos;

void check_same(const Policy& policy, const Policy& again, const Subject& subject,
                const Circumstances& where) {
    for (size_t i = 0; i < kActionNames.size(); ++i) {
        const auto action = static_cast<Action>(i);
        const Decision decision = policy.decide(subject, action, where),
                       scanned = policy.scan(subject, action, where),
                       other = again.decide(subject, action, where);
        if (decision.permit != scanned.permit || decision.rule != scanned.rule) abort();
        if (decision.permit != other.permit || decision.limits != other.limits) abort();
        const Explanation explained = explain({&policy, 1}, subject, action, where);
        if (explained.permit != decision.permit || explained.rules.empty()) abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    (void)parse_compact_policy(text, "policy");
    const auto policy = parse_policy(text, "policy");
    if (!policy) return 0;
    const std::string compact = format_policy(*policy);
    const auto again = parse_policy(compact, "policy"), quickly = parse_compact_policy(compact, "policy");
    // a formatted policy may outgrow the cap on text; otherwise it must say the same
    if ((!again || !quickly) && compact.size() < kPolicyTextMax) {
        const auto& refused = again ? quickly : again;
        fprintf(stderr, "%s\nof %.*s\n", refused.error().message.c_str(), static_cast<int>(size),
                text.data());
        abort();
    }
    if (!again || !quickly) return 0;
    if (format_policy(*again) != compact || format_policy(*quickly) != compact) abort();
    const std::vector<std::string> groups{"analysis"}, roles{"manager"}, tags{"gpu"};
    const std::chrono::sys_seconds monday = std::chrono::sys_days(std::chrono::year(2026) / 11 / 30);
    check_same(*policy, *again, {"physics", "user1", {}, {}}, {"node1.example.org", "lab", tags, monday});
    check_same(*policy, *quickly, {"physics", "user1", groups, roles},
               {"", "", {}, monday + std::chrono::hours(47)});
    return 0;
}

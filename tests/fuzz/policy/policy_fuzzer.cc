// Bytes as a policy and as a node's configuration would hold them: neither a crash nor a long wait, and what
// was read is what its compact form says.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/policy/policy_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto policy = xos::parse_policy(text, "policy");
    if (!policy) return 0;
    const std::string compact = xos::format_policy(*policy);
    const auto again = xos::parse_policy(compact, "policy");
    // a formatted policy may outgrow the cap on text; otherwise it must say the same
    if (!again && compact.size() < 256 * 1024) abort();
    if (again && xos::format_policy(*again) != compact) abort();
    const xos::Subject subject{"physics", "user1", {}, {}};
    for (size_t i = 0; i < xos::kActionNames.size(); ++i) {
        const auto action = static_cast<xos::Action>(i);
        if (again && decide(*policy, subject, action).permit != decide(*again, subject, action).permit)
            abort();
    }
    return 0;
}

// Whether the kernel's part of tracking can be tested here.
//
// Owns: nothing. Process: a Catch2 test. Trusts: why_tracking_cannot_run().
#pragma once

#include <string>

#include "tests/unit/requirement.h"
#include "tests/unit/tracking/tracking_ground.h"

namespace xos::test {

// Skips the running test with the reason why it cannot run here, or fails it where XOS_TESTS_MUST_RUN=1.
inline void require_kernel() {
    const std::string reason = why_tracking_cannot_run();
    if (!reason.empty()) skip_test("cannot run here: " + reason);
}

}  // namespace xos::test

// Whether the kernel's part of tracking can be tested here.
//
// Owns: nothing. Process: a Catch2 test. Trusts: why_tracking_cannot_run().
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <string_view>

#include "tests/unit/tracking/tracking_ground.h"

namespace xos::test {

// Skips the running test with the reason why it cannot run here, or fails it where XOS_TESTS_MUST_RUN=1.
inline void require_kernel() {
    const std::string reason = why_tracking_cannot_run();
    if (reason.empty()) return;
    const char* must_run = std::getenv("XOS_TESTS_MUST_RUN");
    if (must_run != nullptr && std::string_view(must_run) == "1") FAIL("cannot run here: " << reason);
    SKIP("cannot run here: " << reason);
}

}  // namespace xos::test

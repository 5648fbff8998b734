// What a test needs of its machine. Process: tests only.
#pragma once

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <string>
#include <string_view>

namespace xos::test {

// Skips the running test for this reason, or fails it where XOS_TESTS_MUST_RUN=1.
inline void skip_test(const std::string& reason) {
    const char* must_run = std::getenv("XOS_TESTS_MUST_RUN");
    if (must_run != nullptr && std::string_view(must_run) == "1") FAIL(reason);
    SKIP(reason);
}

inline void require_root(const std::string& reason = "needs root") {
    if (geteuid() != 0) skip_test(reason);
}

}  // namespace xos::test

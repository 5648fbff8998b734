// The findings of a check, for its test. Process: tests only. Trusts: its caller.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "cli/finding.h"

namespace xos::test {

// Those that are not good, as "WRONG: ..." and "note: ..." lines. Each has an advice, and no other has.
inline std::string faults_of(const Findings& findings) {
    std::string lines;
    for (const Finding& finding : findings) {
        CHECK(finding.advice.empty() == (finding.kind == Finding::Kind::good));
        if (finding.kind != Finding::Kind::good)
            lines += (finding.kind == Finding::Kind::note ? "note: " : "WRONG: ") + finding.what + "\n";
    }
    return lines;
}

inline size_t count_lines(const std::string& text) {
    return static_cast<size_t>(std::ranges::count(text, '\n'));
}

}  // namespace xos::test

// Spans of time as people read them, and the marks of an axis.
//
// Owns: nothing. Pure. Process: the xos command. Trusts: its caller.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace xos {

// "350 µs", "1.25 s", "3 min 20 s", "2 h 5 min"; spans are microseconds, 0 or more.
std::string span_text(int64_t span);

// "9,988"
std::string grouped(uint64_t number);

struct AxisTick {
    int64_t at = 0;     // microseconds from the axis' beginning
    std::string label;  // without its unit
};
struct TimeAxis {
    std::string unit;  // "ms", "s", "min:s", "h:min", "d"
    std::vector<AxisTick> ticks;
};

// Marks at round times over a span: at most wanted (2 or more) and the one at 0.
TimeAxis make_axis(int64_t span, size_t wanted);

}  // namespace xos

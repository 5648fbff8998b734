// When a rule holds: days of the week, hours of the day, and an absolute span. All of it is UTC.
//
// Owns: the type, its words and the test. Pure. Process: programs only. Trusts: nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xos {

// Minutes since midnight, begin < 1440, end <= 1440, the end not in it. Where begin > end it goes past
// midnight.
struct HourRange {
    uint16_t begin = 0, end = 1440;
    bool operator==(const HourRange&) const = default;
};

struct TimeWindow {
    uint8_t days = 0x7f;           // bit 0 is Monday; of a range past midnight, the day on which it begins
    std::vector<HourRange> hours;  // empty: all day
    std::chrono::sys_seconds from = std::chrono::sys_seconds::min();
    std::chrono::sys_seconds until = std::chrono::sys_seconds::max();  // not in it

    bool always() const { return *this == TimeWindow{}; }
    bool operator==(const TimeWindow&) const = default;
};

bool holds(const TimeWindow& window, std::chrono::sys_seconds time);

// "mon", "mon-fri", "sat-mon" as a set of bits.
std::optional<uint8_t> parse_days(std::string_view text);
std::vector<std::string> format_days(uint8_t days);  // "mon", ...
// "08:00-18:00", "22:00-06:00", "18:00-24:00".
std::optional<HourRange> parse_hours(std::string_view text);
std::string format_hours(const HourRange& range);

}  // namespace xos

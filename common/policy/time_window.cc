#include "common/policy/time_window.h"

#include <algorithm>
#include <array>

#include "common/failure.h"
#include "common/policy/quantity.h"

namespace xos {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr unsigned kDayMinutes = 1440;

std::optional<unsigned> find_day(std::string_view word) {
    const auto found = std::ranges::find(kDays, word);
    if (found == kDays.end()) return std::nullopt;
    return static_cast<unsigned>(found - kDays.begin());
}

// "08:30" as minutes; 24:00 is the end of the day.
std::optional<uint16_t> parse_minute(std::string_view text) {
    if (text.size() != 5 || text[2] != ':') return std::nullopt;
    for (const size_t i : {0, 1, 3, 4})
        if (text[i] < '0' || text[i] > '9') return std::nullopt;
    const int hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
    const int minutes = hour * 60 + minute;
    if (minute > 59 || minutes > static_cast<int>(kDayMinutes)) return std::nullopt;
    return static_cast<uint16_t>(minutes);
}

bool has_day(uint8_t days, unsigned day) {
    return (days >> day & 1u) != 0;
}

}  // namespace

bool holds(const TimeWindow& window, std::chrono::sys_seconds time) {
    if (time < window.from || time >= window.until) return false;
    if (window.hours.empty() && window.days == 0x7f) return true;
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const unsigned today = std::chrono::weekday(day).iso_encoding() - 1, yesterday = (today + 6) % 7;
    if (window.hours.empty()) return has_day(window.days, today);
    const auto minute = std::chrono::floor<std::chrono::minutes>(time - day).count();
    return std::ranges::any_of(window.hours, [&](const HourRange& range) {
        if (range.begin < range.end)
            return has_day(window.days, today) && minute >= range.begin && minute < range.end;
        return (has_day(window.days, today) && minute >= range.begin) ||
               (has_day(window.days, yesterday) && minute < range.end);
    });
}

std::optional<uint8_t> parse_days(std::string_view text) {
    const size_t dash = text.find('-');
    const auto first = find_day(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : find_day(text.substr(dash + 1));
    if (!first || !last) return std::nullopt;
    uint8_t days = 0;
    for (unsigned day = *first;; day = (day + 1) % 7) {
        days = static_cast<uint8_t>(days | 1u << day);
        if (day == *last) return days;
    }
}

std::vector<std::string> format_days(uint8_t days) {
    std::vector<std::string> words;
    for (unsigned day = 0; day < kDays.size(); ++day)
        if (has_day(days, day)) words.emplace_back(kDays[day]);
    return words;
}

std::optional<HourRange> parse_hours(std::string_view text) {
    if (text.size() != 11 || text[5] != '-') return std::nullopt;
    const auto begin = parse_minute(text.substr(0, 5)), end = parse_minute(text.substr(6));
    if (!begin || !end || *begin == *end || *begin == kDayMinutes || *end == 0) return std::nullopt;
    return HourRange{*begin, *end};
}

std::string format_hours(const HourRange& range) {
    return compose("{:02}:{:02}-{:02}:{:02}", range.begin / 60, range.begin % 60, range.end / 60,
                   range.end % 60);
}

}  // namespace xos

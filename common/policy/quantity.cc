#include "common/policy/quantity.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace xos {
namespace {

constexpr uint64_t kMemoryMax = 1ull << 32;  // MiB, as common/vo/node_record.cc
constexpr uint64_t kDurationMax = 10ull * 365 * 86400;
constexpr uint64_t kCpusMax = 1u << 20;
constexpr uint64_t kCpusMin = 10;  // thousandths: the kernel's shortest cpu.max is 1 ms of 100

using Unit = std::pair<char, uint64_t>;
constexpr Unit kMemoryUnits[] = {{'T', 1024 * 1024}, {'G', 1024}, {'M', 1}};
constexpr Unit kDurationUnits[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

// Digits only, so no sign and no blank, and at most ten: nothing overflows.
std::optional<uint64_t> parse_digits(std::string_view text) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (text.empty() || text.size() > 10 || !std::ranges::all_of(text, is_digit)) return std::nullopt;
    uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::optional<uint64_t> parse_scaled(std::string_view text, auto& units, uint64_t plain, uint64_t max) {
    if (text.empty()) return std::nullopt;
    uint64_t scale = plain;
    for (const auto& [letter, factor] : units) {
        if (text.back() != letter) continue;
        scale = factor;
        text.remove_suffix(1);
        break;
    }
    const auto value = parse_digits(text);
    if (!value || scale == 0 || *value == 0 || *value > max / scale) return std::nullopt;
    return *value * scale;
}

// In the largest unit that leaves no rest.
std::string format_scaled(uint64_t value, auto& units) {
    for (const auto& [letter, factor] : units)
        if (value % factor == 0) return compose("{}{}", value / factor, letter);
    return std::to_string(value);
}

// width digits at the front of text, taken away.
std::optional<unsigned> take_number(std::string_view& text, size_t width) {
    if (text.size() < width) return std::nullopt;
    const auto value = parse_digits(text.substr(0, width));
    if (!value) return std::nullopt;
    text.remove_prefix(width);
    return static_cast<unsigned>(*value);
}

bool take(std::string_view& text, std::string_view words) {
    if (!text.starts_with(words)) return false;
    text.remove_prefix(words.size());
    return true;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
    const auto year = take_number(text, 4);
    if (!year || !take(text, "-")) return std::nullopt;
    const auto month = take_number(text, 2);
    if (!month || !take(text, "-")) return std::nullopt;
    const auto day = take_number(text, 2);
    if (!day || *year < 1970) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                           std::chrono::month(*month), std::chrono::day(*day)};
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days(date);
}

}  // namespace

std::optional<uint64_t> parse_memory(std::string_view text) {
    return parse_scaled(text, kMemoryUnits, 1, kMemoryMax);
}

std::string format_memory(uint64_t mebibytes) {
    return format_scaled(mebibytes, kMemoryUnits);
}

std::optional<uint64_t> parse_duration(std::string_view text) {
    return parse_scaled(text, kDurationUnits, 0, kDurationMax);
}

std::optional<uint64_t> parse_period(std::string_view text) {
    constexpr std::string_view kNone[] = {"0", "0s", "0m", "0h", "0d"};
    if (std::ranges::contains(kNone, text)) return 0;
    return parse_duration(text);
}

std::string format_duration(uint64_t seconds) {
    return format_scaled(seconds, kDurationUnits);
}

Outcome<std::chrono::seconds> read_lifetime(std::string_view option, std::string_view text) {
    int64_t number = 0;
    const char* const unit = text.empty() ? text.data() : text.data() + text.size() - 1;
    const auto [end, error] = std::from_chars(text.data(), unit, number);
    if (!text.empty() && error == std::errc() && end == unit && number > 0 && number <= 86400) {
        switch (*unit) {
            case 'h':
                return std::chrono::hours(number);
            case 'm':
                return std::chrono::minutes(number);
            case 's':
                return std::chrono::seconds(number);
            default:
                break;
        }
    }
    return failure(Errc::invalid, "{} {}: expected a number with h, m or s, such as 12h", option, text);
}

std::optional<uint64_t> parse_count(std::string_view text, uint64_t max) {
    const auto value = parse_digits(text);
    return value && *value >= 1 && *value <= max ? value : std::nullopt;
}

std::optional<uint64_t> parse_cpus(std::string_view text) {
    const size_t point = text.find('.');
    const auto whole = parse_digits(text.substr(0, point));
    if (!whole || *whole > kCpusMax) return std::nullopt;
    uint64_t thousandths = *whole * 1000;
    if (point != std::string_view::npos) {
        const std::string_view rest = text.substr(point + 1);
        const auto part = rest.size() <= 3 ? parse_digits(rest) : std::nullopt;
        if (!part) return std::nullopt;
        thousandths += *part * (rest.size() == 1 ? 100 : rest.size() == 2 ? 10 : 1);
    }
    if (thousandths < kCpusMin || thousandths > kCpusMax * 1000) return std::nullopt;
    return thousandths;
}

std::string format_cpus(uint64_t thousandths) {
    std::string text = std::to_string(thousandths / 1000);
    if (thousandths % 1000 == 0) return text;
    text += compose(".{:03}", thousandths % 1000);
    while (text.back() == '0') text.pop_back();
    return text;
}

std::optional<std::chrono::sys_seconds> parse_utc(std::string_view text) {
    const auto date = take_date(text);
    if (!date) return std::nullopt;
    if (text.empty()) return *date;
    if (!take(text, "T") && !take(text, " ")) return std::nullopt;
    const auto hour = take_number(text, 2);
    if (!hour || *hour > 23 || !take(text, ":")) return std::nullopt;
    const auto minute = take_number(text, 2);
    if (!minute || *minute > 59) return std::nullopt;
    std::optional<unsigned> second = 0;
    if (take(text, ":")) second = take_number(text, 2);
    if (!second || *second > 59) return std::nullopt;
    if (!text.empty() && text != "Z" && text != " UTC") return std::nullopt;
    return *date + std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second);
}

std::string format_utc(std::chrono::sys_seconds time) {
    return compose("{:%FT%TZ}", time);
}

}  // namespace xos

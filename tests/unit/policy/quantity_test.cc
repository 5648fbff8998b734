#include "common/policy/quantity.h"

#include <catch2/catch_test_macros.hpp>

#include "common/policy/rule_limits.h"
#include "common/policy/time_window.h"

using namespace xos;
using namespace std::chrono_literals;

namespace {

// 2026-11-30 is a Monday.
constexpr std::chrono::sys_seconds kMonday = std::chrono::sys_days(std::chrono::year(2026) / 11 / 30);

TimeWindow window(std::string_view days, std::string_view hours) {
    TimeWindow made;
    if (!days.empty()) made.days = parse_days(days).value();
    if (!hours.empty()) made.hours = {parse_hours(hours).value()};
    return made;
}

}  // namespace

TEST_CASE("amounts are read and written back") {
    CHECK(parse_memory("8G") == 8192);
    CHECK(parse_memory("512M") == 512);
    CHECK(parse_memory("512") == 512);
    CHECK(parse_memory("2T") == 2 * 1024 * 1024);
    CHECK(format_memory(8192) == "8G");
    CHECK(format_memory(8193) == "8193M");
    CHECK(parse_duration("12h") == 43200);
    CHECK(parse_duration("2d") == 172800);
    for (const char* text : {"0", "0s", "0m", "0h", "0d"}) CHECK(parse_period(text) == 0);
    CHECK(parse_period("2d") == 172800);
    CHECK(format_duration(43200) == "12h");
    CHECK(format_duration(90) == "90s");
    CHECK(parse_cpus("2") == 2000);
    CHECK(parse_cpus("0.5") == 500);
    CHECK(parse_cpus("1.25") == 1250);
    CHECK(format_cpus(1250) == "1.25");
    CHECK(format_cpus(500) == "0.5");
    CHECK(format_cpus(2000) == "2");
}

TEST_CASE("what is no amount is none") {
    for (const char* text :
         {"", "0", "-1", "+1", "G", "8g", "8 G", "1e3", "0x10", "8GG", "99999999999", "4294967297T"})
        CHECK_FALSE(parse_memory(text));
    for (const char* text : {"", "12", "0h", "1y", "99999d", "h"}) CHECK_FALSE(parse_duration(text));
    for (const char* text : {"", "12", "00", "0y", "-0s", "h"}) CHECK_FALSE(parse_period(text));
    for (const char* text : {"", "0", "0.0", "0.001", ".5", "1.", "1.2345", "-1", "99999999"})
        CHECK_FALSE(parse_cpus(text));
    CHECK_FALSE(parse_count("0", 10));
    CHECK_FALSE(parse_count("11", 10));
}

TEST_CASE("times are UTC") {
    CHECK(parse_utc("2026-11-30") == kMonday);
    CHECK(parse_utc("2026-11-30 08:30") == kMonday + 8h + 30min);
    CHECK(parse_utc("2026-11-30T08:30:15Z") == kMonday + 8h + 30min + 15s);
    CHECK(parse_utc("2026-11-30 08:30 UTC") == kMonday + 8h + 30min);
    CHECK(format_utc(kMonday + 8h) == "2026-11-30T08:00:00Z");
    for (const char* text :
         {"", "2026", "2026-13-01", "2026-02-29", "2026-11-30 24:00", "2026-11-30 8:00", "2026-11-30 08:60",
          "2026-11-30 08:00 CET", "2026-11-30 08:00+01:00", "1969-12-31"})
        CHECK_FALSE(parse_utc(text));
}

TEST_CASE("days and hours of a window") {
    CHECK(parse_days("mon-fri") == 0x1f);
    CHECK(parse_days("sat-mon") == 0x61);
    CHECK(parse_days("sun") == 0x40);
    for (const char* text : {"", "Mon", "monday", "mon-", "-fri", "mon-fri-sun"})
        CHECK_FALSE(parse_days(text));
    for (const char* text : {"", "8-18", "08:00", "08:00-08:00", "08:00-25:00", "24:00-08:00", "22:00-00:00",
                             "08:00-18:00 ", "0a:00-18:00"})
        CHECK_FALSE(parse_hours(text));
    const TimeWindow office = window("mon-fri", "08:00-18:00");
    CHECK(holds(office, kMonday + 8h));
    CHECK(holds(office, kMonday + 17h + 59min + 59s));
    CHECK_FALSE(holds(office, kMonday + 18h));
    CHECK_FALSE(holds(office, kMonday - 1s));
    CHECK_FALSE(holds(office, kMonday + 5 * 24h + 12h));
    CHECK(holds(window("", "18:00-24:00"), kMonday + 23h + 59min));
}

TEST_CASE("a night belongs to the day on which it begins") {
    const TimeWindow night = window("fri", "22:00-06:00");
    CHECK(holds(night, kMonday + 4 * 24h + 23h));
    CHECK(holds(night, kMonday + 5 * 24h + 5h));
    CHECK_FALSE(holds(night, kMonday + 5 * 24h + 6h));
    CHECK_FALSE(holds(night, kMonday + 4 * 24h + 5h));
    CHECK_FALSE(holds(night, kMonday + 5 * 24h + 23h));
    CHECK(holds(window("sun", "22:00-06:00"), kMonday + 1h));
}

TEST_CASE("a span ends before its until") {
    TimeWindow span;
    span.from = kMonday;
    span.until = kMonday + 24h;
    CHECK(holds(span, kMonday));
    CHECK(holds(span, kMonday + 24h - 1s));
    CHECK_FALSE(holds(span, kMonday + 24h));
    CHECK_FALSE(holds(span, kMonday - 1s));
}

TEST_CASE("of two limits the smaller counts") {
    Limits a, b;
    a[Limit::jobs] = 4;
    b[Limit::jobs] = 2;
    b[Limit::memory] = 1024;
    const Limits both = tighter(a, b);
    CHECK(both[Limit::jobs] == 2);
    CHECK(both[Limit::memory] == 1024);
    CHECK_FALSE(both.has(Limit::walltime));
    CHECK(format_limits(both) == "jobs 2, memory 1G");
    CHECK(format_limits({}) == "none");
}

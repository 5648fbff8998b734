// Amounts as people write them: 8G, 12h, 1.5, 2026-12-01 08:00.
//
// Owns: their grammar, in both directions. Pure. Process: programs only. Trusts: nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/failure.h"

namespace xos {

// MiB: a number with M, G or T; without one it is MiB. At most 2^32 MiB.
std::optional<uint64_t> parse_memory(std::string_view text);
std::string format_memory(uint64_t mebibytes);

// Seconds: a number with s, m, h or d, at most 10 years.
std::optional<uint64_t> parse_duration(std::string_view text);
std::optional<uint64_t> parse_period(std::string_view text);  // the same, or none at all: 0, 0s, 0d
std::string format_duration(uint64_t seconds);

// Of an option of a command: "12h", "30m", "90s", a number up to 86400; who acts on it checks the limit.
Outcome<std::chrono::seconds> read_lifetime(std::string_view option, std::string_view text);

// 1 .. max.
std::optional<uint64_t> parse_count(std::string_view text, uint64_t max);

// Thousandths of a processor: 2, 0.5, 1.25; 0.01 .. 1048576.
std::optional<uint64_t> parse_cpus(std::string_view text);
std::string format_cpus(uint64_t thousandths);

// UTC: 2026-12-01, 2026-12-01 08:00, 2026-12-01 08:00:00; 'T' may stand for the space, and a Z or " UTC" may
// follow a time of day. Years 1970 .. 9999.
std::optional<std::chrono::sys_seconds> parse_utc(std::string_view text);
std::string format_utc(std::chrono::sys_seconds time);  // 2026-12-01T08:00:00Z

}  // namespace xos

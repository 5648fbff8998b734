// How much an allow rule lets one member have on a node.
//
// Owns: the limits, their words and units. Pure. Process: programs only. Trusts: nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace xos {

enum class Limit : uint8_t {
    jobs,       // of the member at one time
    sessions,   // of the member at one time
    walltime,   // seconds from a job's start, or restart, to its end
    processes,  // of a job or a session, threads counted
    memory,     // MiB of a job or a session
    cpus,       // thousandths of a processor, of a job or a session
};
inline constexpr std::array<std::string_view, 6> kLimitNames = {"jobs",      "sessions", "walltime",
                                                                "processes", "memory",   "cpus"};

constexpr std::string_view limit_name(Limit limit) {
    return kLimitNames[static_cast<size_t>(limit)];
}

struct Limits {
    static constexpr uint64_t kNone = UINT64_MAX;
    std::array<uint64_t, kLimitNames.size()> values{kNone, kNone, kNone, kNone, kNone, kNone};

    constexpr uint64_t& operator[](Limit limit) { return values[static_cast<size_t>(limit)]; }
    constexpr uint64_t operator[](Limit limit) const { return values[static_cast<size_t>(limit)]; }
    constexpr bool has(Limit limit) const { return (*this)[limit] != kNone; }
    constexpr bool any() const { return *this != Limits{}; }
    bool operator==(const Limits&) const = default;
};

// Of each the smaller.
constexpr Limits tighter(const Limits& a, const Limits& b) {
    Limits least;
    for (size_t i = 0; i < a.values.size(); ++i) least.values[i] = std::min(a.values[i], b.values[i]);
    return least;
}

// The value of one limit as rules write it: 4, 12h, 8G, 1.5. None where it is no such value, or 0.
std::optional<uint64_t> parse_limit(Limit limit, std::string_view text);
std::string format_limit(Limit limit, uint64_t value);
// "jobs 4, walltime 12h"; "none".
std::string format_limits(const Limits& limits);
// What parse_limit() expects, for messages.
std::string_view limit_grammar(Limit limit);

}  // namespace xos

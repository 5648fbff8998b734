#include "common/policy/rule_limits.h"

#include "common/failure.h"
#include "common/policy/quantity.h"

namespace xos {
namespace {

constexpr uint64_t kCountMax = 1'000'000;
constexpr uint64_t kProcessesMax = 4'194'304;  // the kernel's PID_MAX_LIMIT, proc(5)

}  // namespace

std::optional<uint64_t> parse_limit(Limit limit, std::string_view text) {
    switch (limit) {
        case Limit::jobs:
        case Limit::sessions:
            return parse_count(text, kCountMax);
        case Limit::processes:
            return parse_count(text, kProcessesMax);
        case Limit::walltime:
            return parse_duration(text);
        case Limit::memory:
            return parse_memory(text);
        case Limit::cpus:
            return parse_cpus(text);
    }
    return std::nullopt;
}

std::string format_limit(Limit limit, uint64_t value) {
    switch (limit) {
        case Limit::walltime:
            return format_duration(value);
        case Limit::memory:
            return format_memory(value);
        case Limit::cpus:
            return format_cpus(value);
        default:
            return std::to_string(value);
    }
}

std::string format_limits(const Limits& limits) {
    std::string text;
    for (size_t i = 0; i < kLimitNames.size(); ++i) {
        const auto limit = static_cast<Limit>(i);
        if (!limits.has(limit)) continue;
        text +=
            compose("{}{} {}", text.empty() ? "" : ", ", kLimitNames[i], format_limit(limit, limits[limit]));
    }
    return text.empty() ? "none" : text;
}

std::string_view limit_grammar(Limit limit) {
    switch (limit) {
        case Limit::walltime:
            return "a time such as 90s, 30m, 12h or 2d";
        case Limit::memory:
            return "a size such as 512M, 8G or 1T";
        case Limit::cpus:
            return "processors such as 2 or 0.5";
        default:
            return "a number, 1 or more";
    }
}

}  // namespace xos

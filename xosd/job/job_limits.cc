#include "xosd/job/job_limits.h"

#include <algorithm>

namespace xos {
namespace {

constexpr uint64_t kMebibyte = 1024 * 1024;
constexpr uint64_t kCpuPeriod = 100'000;  // microseconds, the kernel's default: cgroup-v2.rst, cpu.max
constexpr uint64_t kLoaderProcesses = 1;  // xos-loader is in the cgroup and is not the member's

struct HeldLimit {
    Limit limit;
    const char* controller;
    const char* file;
    std::string (*value)(uint64_t);
};

constexpr HeldLimit kHeldLimits[] = {
    {Limit::processes, "pids", "pids.max",
     [](uint64_t count) { return std::to_string(count + kLoaderProcesses); }},
    {Limit::memory, "memory", "memory.max",
     [](uint64_t mebibytes) { return std::to_string(mebibytes * kMebibyte); }},
    {Limit::cpus, "cpu", "cpu.max",
     [](uint64_t thousandths) { return compose("{} {}", thousandths * kCpuPeriod / 1000, kCpuPeriod); }},
};

std::unexpected<Failure> cannot_hold(const HeldLimit& held, uint64_t value) {
    return failure(Errc::unavailable,
                   "policy limits you to {} {}, and this node cannot hold that: its kernel has no {} "
                   "controller in cgroup v2. Its owner must enable it, or change the policy",
                   limit_name(held.limit), format_limit(held.limit, value), held.controller);
}

}  // namespace

Outcome<void> can_hold(const Limits& limits, const std::vector<std::string>& controllers) {
    for (const HeldLimit& held : kHeldLimits)
        if (limits.has(held.limit) && !std::ranges::contains(controllers, std::string_view(held.controller)))
            return cannot_hold(held, limits[held.limit]);
    return {};
}

Outcome<void> hold_limits(const JobCgroup& cgroup, const Limits& limits) {
    for (const HeldLimit& held : kHeldLimits) {
        if (!limits.has(held.limit)) continue;
        const auto set = cgroup.set(held.file, held.value(limits[held.limit]));
        if (!set && set.error().code == Errc::not_found) return cannot_hold(held, limits[held.limit]);
        if (!set) return set;
    }
    if (!limits.has(Limit::memory)) return {};
    // what is swapped out would not count; a kernel without swap has no such file, and nothing to limit
    const auto swap = cgroup.set("memory.swap.max", "0");
    if (!swap && swap.error().code != Errc::not_found) return swap;
    return {};
}

uint64_t walltime_of(const Limits& limits) {
    return limits.has(Limit::walltime) ? limits[Limit::walltime] : 0;
}

}  // namespace xos

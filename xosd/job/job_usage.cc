#include "xosd/job/job_usage.h"

#include <time.h>

#include <algorithm>

#include "common/log.h"

namespace xos {
namespace {

using UsageField = std::optional<uint64_t> JobUsage::*;

constexpr UsageField kSums[] = {&JobUsage::cpu_usec, &JobUsage::cpu_user_usec, &JobUsage::cpu_system_usec,
                                &JobUsage::processes_total, &JobUsage::wall_usec};
constexpr UsageField kPeaks[] = {&JobUsage::memory_peak, &JobUsage::processes_peak};

}  // namespace

void add_run(JobUsage& all, const JobUsage& run) {
    if (all.runs == 0) {
        all = run;
        all.runs = 1;
        return;
    }
    ++all.runs;
    const auto merge = [&](UsageField field, auto&& both) {
        const auto &before = all.*field, &now = run.*field;
        all.*field = before && now ? std::optional<uint64_t>(both(*before, *now)) : std::nullopt;
    };
    for (const UsageField sum : kSums) merge(sum, [](uint64_t a, uint64_t b) { return a + b; });
    for (const UsageField peak : kPeaks) merge(peak, [](uint64_t a, uint64_t b) { return std::max(a, b); });
}

JobUsage read_usage(const JobCgroup& cgroup, const std::string& job) {
    const auto tell = [&](const char* what, const Failure& why) {
        log(Level::warning, "job not accounted", {{"job", job}, {"field", what}, {"reason", why.message}});
    };
    JobUsage run;
    if (const auto cpu = cgroup.cpu_usage()) {
        run.cpu_usec = cpu->total_us;
        run.cpu_user_usec = cpu->user_us;
        run.cpu_system_usec = cpu->system_us;
    } else {
        tell("cpu", cpu.error());
    }
    if (const auto peak = cgroup.memory_peak())
        run.memory_peak = *peak;
    else if (peak.error().code != Errc::not_found)
        tell("memory", peak.error());
    return run;
}

void set_processes(JobUsage& run, const TrackingCounters& counters) {
    if (counters.lost != 0) return;
    run.processes_total = total_processes(counters);
    run.processes_peak = counters.peak;
}

uint64_t monotonic_usec() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace xos

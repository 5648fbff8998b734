#include "cli/top_sample.h"

#include <algorithm>
#include <ranges>
#include <unordered_map>

namespace xos {
namespace {

double percent(uint64_t cpu_usec, int64_t span) {
    return span <= 0 ? 0 : 100.0 * static_cast<double>(cpu_usec) / static_cast<double>(span);
}

// What each process had used, by its pid.
using Earlier = std::unordered_map<int64_t, const ProcessView*>;

double process_percent(const ProcessView& process, const Earlier& earlier, int64_t now, int64_t before) {
    const auto found = earlier.find(process.pid);
    // a pid may have passed to another process
    if (found == earlier.end() || found->second->started_usec != process.started_usec)
        return percent(process.cpu_usec, now - std::max(process.started_usec, before));
    const uint64_t used = found->second->cpu_usec;
    return percent(process.cpu_usec > used ? process.cpu_usec - used : 0, now - before);
}

void measure_job(TopJob& job, int64_t now, const TopJob* earlier, int64_t before) {
    Earlier processes;
    if (earlier != nullptr)
        for (const ProcessView& process : earlier->report.processes) processes[process.pid] = &process;
    for (ProcessView& process : job.report.processes) {
        process.cpu_percent = process_percent(process, processes, now, before);
        job.cpu_percent += process.cpu_percent;
        if (process.memory) job.memory = job.memory.value_or(0) + static_cast<uint64_t>(*process.memory);
        if (process.threads) job.threads = job.threads.value_or(0) + static_cast<uint64_t>(*process.threads);
    }
    if (earlier == nullptr) return;
    // where the job's own count is told, it has those that have ended meanwhile
    const std::optional<uint64_t>&used = earlier->report.job.cpu_usec, &uses = job.report.job.cpu_usec;
    if (used && uses && *uses >= *used) job.cpu_percent = percent(*uses - *used, now - before);
}

template <typename T, typename Key>
void sort_by(std::vector<T>& list, bool reversed, Key key) {
    if (reversed)
        std::ranges::stable_sort(list, std::less(), key);
    else
        std::ranges::stable_sort(list, std::greater(), key);
}

void sort_processes(std::vector<ProcessView>& processes, TopOrder order, bool reversed) {
    switch (order) {
        case TopOrder::cpu:
            return sort_by(processes, reversed, &ProcessView::cpu_percent);
        case TopOrder::memory:
            return sort_by(processes, reversed, &ProcessView::memory);
        case TopOrder::processes:
            return sort_by(processes, reversed, &ProcessView::threads);
        case TopOrder::started:
            return sort_by(processes, reversed, &ProcessView::started_usec);
        case TopOrder::name:
            return sort_by(processes, !reversed, &ProcessView::command);
    }
}

}  // namespace

void measure_cpu(TopSample& now, const TopSample* before) {
    std::unordered_map<std::string, const TopJob*> earlier;
    if (before != nullptr)
        for (const TopJob& job : before->jobs) earlier[job.report.job.job] = &job;
    for (TopJob& job : now.jobs) {
        const auto found = earlier.find(job.report.job.job);
        measure_job(job, now.time, found == earlier.end() ? nullptr : found->second,
                    before == nullptr ? 0 : before->time);
    }
}

void sort_sample(TopSample& sample, TopOrder order, bool reversed) {
    const auto by = [&](auto key) { sort_by(sample.jobs, reversed, key); };
    switch (order) {
        case TopOrder::cpu:
            by(&TopJob::cpu_percent);
            break;
        case TopOrder::memory:
            by(&TopJob::memory);
            break;
        case TopOrder::processes:
            by([](const TopJob& job) { return job.report.processes.size(); });
            break;
        case TopOrder::started:
            by([](const TopJob& job) { return job.report.job.started; });
            break;
        case TopOrder::name:
            // job-9 before job-10
            sort_by(sample.jobs, !reversed, [](const TopJob& job) {
                return std::pair(job.report.job.job.size(), job.report.job.job);
            });
            break;
    }
    for (TopJob& job : sample.jobs) sort_processes(job.report.processes, order, reversed);
}

}  // namespace xos

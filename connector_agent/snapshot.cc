#include "connector_agent/snapshot.h"

#include <algorithm>

namespace xos {
namespace {

constexpr size_t kSnapshotMax = 16384;  // processes in one answer

ProcessInfo describe_ended_main(const Binding& binding) {
    ProcessInfo info{.pid = binding.request().main_pid, .state = 'X', .main = true};
    info.exit_status = binding.main_status();
    return info;
}

std::vector<ProcessInfo> describe_all(const Binding& binding, const ProcessFiles& files) {
    std::vector<const TrackedProcess*> tracked;
    for (const auto& [pid, process] : binding.tree().processes()) tracked.push_back(&process);
    std::ranges::sort(tracked, {}, &TrackedProcess::pid);
    if (tracked.size() > kSnapshotMax) tracked.resize(kSnapshotMax);
    std::vector<ProcessInfo> all;
    if (binding.main_ended()) all.push_back(describe_ended_main(binding));
    for (const TrackedProcess* process : tracked) {
        auto info = files.describe(*process);
        if (!info) continue;  // gone meanwhile; its end is on its way
        info->main = !binding.main_ended() && info->pid == binding.request().main_pid;
        all.push_back(std::move(*info));
    }
    return all;
}

}  // namespace

std::vector<SnapshotPage> describe_binding(const Binding& binding, const ProcessFiles& files,
                                           uint32_t request) {
    std::vector<SnapshotPage> pages;
    for (ProcessInfo& info : describe_all(binding, files)) {
        if (pages.empty() || pages.back().processes.size() == kSnapshotPageMax)
            pages.push_back(
                {.serial = binding.request().serial, .request = request, .counters = binding.counters()});
        pages.back().processes.push_back(std::move(info));
    }
    if (pages.empty())
        pages.push_back(
            {.serial = binding.request().serial, .request = request, .counters = binding.counters()});
    pages.back().last = true;
    return pages;
}

}  // namespace xos

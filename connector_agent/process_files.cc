#include "connector_agent/process_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <ctime>
#include <memory>
#include <utility>

#include "common/log.h"

namespace xos {
namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;
constexpr size_t kSmallFile = 4096;
constexpr size_t kThreadsMax = 65536;

bool is_dead(char state) {
    return state == 'Z' || state == 'X';
}

}  // namespace

uint64_t clock_ns(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<uint64_t>(now.tv_sec) * kNsPerSecond + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t monotonic_ns() {
    return clock_ns(CLOCK_MONOTONIC);
}

Outcome<ProcessFiles> ProcessFiles::open() {
    ProcessFiles files;
    files.proc_.reset(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!files.proc_) return failure_errno(errno, "cannot open /proc");
    files.ticks_per_second_ = static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
    files.page_size_ = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    files.held_limit_ = find_held_limit();
    if (!files.stat(1))
        return failure(Errc::unavailable,
                       "/proc hides processes (hidepid); the agent's group must be let through");
    return files;
}

std::string ProcessFiles::read(int32_t pid, const char* name, size_t limit) const {
    const UniqueFd fd(openat(proc_.get(), compose("{}/{}", pid, name).c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return {};
    std::string text(limit, '\0');
    size_t used = 0;
    while (used < limit) {
        const ssize_t n = ::read(fd.get(), text.data() + used, limit - used);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        used += static_cast<size_t>(n);
    }
    text.resize(used);
    return text;
}

std::vector<int32_t> ProcessFiles::threads(int32_t pid) const {
    std::vector<int32_t> tids;
    const int fd = openat(proc_.get(), compose("{}/task", pid).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return tids;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(fdopendir(fd), closedir);
    if (!directory) {
        close(fd);
        return tids;
    }
    while (const dirent* entry = readdir(directory.get())) {
        int32_t tid = 0;
        const char* end = entry->d_name + std::strlen(entry->d_name);
        if (std::from_chars(entry->d_name, end, tid).ptr != end || tid <= 0) continue;
        if (tid != pid && tids.size() < kThreadsMax) tids.push_back(tid);
    }
    std::ranges::sort(tids);
    return tids;
}

std::optional<ProcStat> ProcessFiles::stat(int32_t pid) const {
    return parse_proc_stat(read(pid, "stat", kSmallFile));
}

std::optional<std::string> ProcessFiles::cgroup_path(int32_t pid) const {
    const std::string text = read(pid, "cgroup", 4 * kSmallFile);
    const auto path = parse_proc_cgroup(text);
    if (!path) return std::nullopt;
    return std::string(*path);
}

uint64_t ProcessFiles::start_ns(const ProcStat& stat) const {
    // /proc counts suspended time, events do not
    const uint64_t boot = stat.start_ticks / ticks_per_second_ * kNsPerSecond +
                          stat.start_ticks % ticks_per_second_ * (kNsPerSecond / ticks_per_second_);
    const uint64_t monotonic =
        clock_ns(CLOCK_MONOTONIC);  // read first, so that the difference is never negative
    const uint64_t suspended = clock_ns(CLOCK_BOOTTIME) - monotonic;
    // never 0, which means unknown
    return std::max<uint64_t>(boot - std::min(boot, suspended), 1);
}

std::optional<HeldProcess> ProcessFiles::hold(int32_t pid) const {
    auto held = hold_process(pid);
    if (!held || held->pidfd.get() < held_limit_) return held;
    if (!std::exchange(limit_told_, true))
        log(Level::warning, "no more processes are held by pidfd: their start times tell them apart",
            {{"held", std::to_string(held_limit_)}});
    return std::nullopt;
}

std::optional<ObservedProcess> ProcessFiles::observe(int32_t pid) const {
    // held first: what is read until it is found alive again is of this very process
    auto held = hold_process(pid);
    const auto seen = held ? stat(pid) : std::nullopt;
    if (!seen) return std::nullopt;
    ObservedProcess observed{.pid = pid,
                             .parent_pid = seen->parent_pid,
                             .started_ns = start_ns(*seen),
                             .identity = held->identity,
                             .leader_alive = !is_dead(seen->state)};
    seen->comm.copy(observed.comm.data(), observed.comm.size());
    if (seen->threads > 1) observed.threads = threads(pid);
    if (const auto status = parse_proc_status(read(pid, "status", 2 * kSmallFile)))
        observed.container_pid = status->container_pid;
    if ((!observed.leader_alive && observed.threads.empty()) || is_over(held->pidfd.get()))
        return std::nullopt;
    if (held->pidfd.get() < held_limit_) observed.pidfd = std::move(held->pidfd);
    return observed;
}

std::optional<ProcessInfo> ProcessFiles::describe(const TrackedProcess& tracked) const {
    constexpr uint64_t kSameStartNs = 2 * kNsPerSecond;
    const auto seen = stat(tracked.pid);
    if (!seen) return std::nullopt;
    const uint64_t started = start_ns(*seen);
    const uint64_t distance = std::max(started, tracked.started_ns) - std::min(started, tracked.started_ns);
    if (tracked.pidfd ? is_over(tracked.pidfd.get()) : tracked.started_ns != 0 && distance > kSameStartNs)
        return std::nullopt;
    ProcessInfo info{.pid = tracked.pid, .parent_pid = seen->parent_pid, .state = seen->state};
    info.escaped = tracked.escaped;
    info.threads = seen->threads;
    info.memory = seen->resident_pages * page_size_;
    info.identity = tracked.identity;
    info.held = static_cast<bool>(tracked.pidfd);
    info.start_ticks = seen->start_ticks;
    const int64_t boot_epoch_ns = static_cast<int64_t>(clock_ns(CLOCK_REALTIME) - monotonic_ns());
    info.start_time_us = (boot_epoch_ns + static_cast<int64_t>(started)) / 1000;
    info.cpu_time_us = seen->cpu_ticks * (1'000'000 / ticks_per_second_);
    info.comm = seen->comm.substr(0, kCommMax);
    if (const auto status = parse_proc_status(read(tracked.pid, "status", 2 * kSmallFile))) {
        info.uid = status->uid;
        info.container_pid = status->container_pid;
    }
    info.command_line = join_command_line(read(tracked.pid, "cmdline", kCommandLineMax), kCommandLineMax);
    const auto again = stat(tracked.pid);
    if (!again || again->start_ticks != seen->start_ticks) return std::nullopt;
    return info;
}

}  // namespace xos

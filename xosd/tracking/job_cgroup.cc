#include "xosd/tracking/job_cgroup.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "xosd/tracking/cgroup_file.h"

namespace xos {
namespace {

constexpr size_t kNameMax = 128;
constexpr int kDepthMax = 64;
constexpr char kEvents[] = "cgroup.events";

bool is_cgroup_name(std::string_view name) {
    const auto is_alphanumeric = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    };
    return !name.empty() && name.size() <= kNameMax && is_alphanumeric(name.front()) &&
           std::ranges::all_of(
               name, [&](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

Outcome<void> remove_below(int directory, int depth) {
    if (depth > kDepthMax) return failure(Errc::invalid, "the cgroups below a job are nested too deeply");
    const auto names = list_cgroups(directory);
    if (!names) return std::unexpected(names.error());
    for (const std::string& name : *names) {
        const UniqueFd child(
            openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
        if (child) {
            if (auto removed = remove_below(child.get(), depth + 1); !removed) return removed;
        }
        if (unlinkat(directory, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
            return failure_errno(errno, "cannot remove the cgroup {}", name);
    }
    return {};
}

}  // namespace

Outcome<JobCgroup> JobCgroup::make(const CgroupParent& parent, const std::string& name) {
    if (!is_cgroup_name(name)) return failure(Errc::invalid, "\"{}\" cannot name a job's cgroup", name);
    if (mkdirat(parent.fd, name.c_str(), 0755) != 0) {
        if (errno == EEXIST)
            return failure(Errc::exists, "the cgroup {}/{} is there already", parent.path, name);
        return failure_errno(errno, "cannot make the cgroup {}/{}", parent.path, name);
    }
    return open(parent, name);
}

Outcome<JobCgroup> JobCgroup::open(const CgroupParent& parent, const std::string& name) {
    if (!is_cgroup_name(name)) return failure(Errc::invalid, "\"{}\" cannot name a job's cgroup", name);
    JobCgroup cgroup;
    cgroup.name_ = name;
    cgroup.path_ = parent.path + "/" + name;
    cgroup.parent_.reset(fcntl(parent.fd, F_DUPFD_CLOEXEC, 0));
    cgroup.directory_.reset(openat(parent.fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!cgroup.directory_ && errno == ENOENT)
        return failure(Errc::not_found, "there is no cgroup {}", cgroup.path_);
    if (!cgroup.parent_ || !cgroup.directory_)
        return failure_errno(errno, "cannot open the cgroup {}", cgroup.path_);
    const auto id = cgroup_id(cgroup.fd());
    if (!id) return std::unexpected(id.error());
    cgroup.id_ = *id;
    return cgroup;
}

namespace {

void collect_members(int directory, int depth, size_t max, std::vector<pid_t>& into) {
    const auto text = read_cgroup_file(directory, "cgroup.procs");
    if (!text || depth > kDepthMax) return;
    std::istringstream lines(*text);
    for (pid_t pid = 0; into.size() < max && lines >> pid;) into.push_back(pid);
    const auto names = list_cgroups(directory);
    for (size_t i = 0; names && i < names->size() && into.size() < max; ++i) {
        const UniqueFd child(
            openat(directory, (*names)[i].c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
        if (child) collect_members(child.get(), depth + 1, max, into);
    }
}

}  // namespace

std::vector<pid_t> members_of_cgroup(int directory, size_t max) {
    std::vector<pid_t> pids;
    collect_members(directory, 0, max, pids);
    return pids;
}

std::vector<pid_t> JobCgroup::members(size_t max) const {
    return members_of_cgroup(fd(), max);
}

Outcome<void> JobCgroup::add(pid_t pid) const {
    return set("cgroup.procs", std::to_string(pid));
}

Outcome<void> JobCgroup::set(const char* file, std::string_view value) const {
    return write_cgroup_file(fd(), file, value);
}

Outcome<void> JobCgroup::kill() const {
    return set("cgroup.kill", "1");
}

Outcome<bool> JobCgroup::populated() const {
    const auto text = read_cgroup_file(fd(), kEvents);
    if (!text && text.error().code == Errc::not_found) return false;
    if (!text) return std::unexpected(text.error());
    return text->contains("populated 1");
}

Outcome<void> JobCgroup::wait_empty(std::chrono::milliseconds deadline) const {
    const UniqueFd events(openat(fd(), kEvents, O_RDONLY | O_CLOEXEC));
    const auto end = std::chrono::steady_clock::now() + deadline;
    for (;;) {
        // reading arms the notification: what changes from here on wakes poll
        char text[256];
        if (events && pread(events.get(), text, sizeof text, 0) < 0 && errno != ENODEV)
            return failure_errno(errno, "cannot read the events of {}", path_);
        auto alive = populated();
        if (!alive) return std::unexpected(alive.error());
        if (!*alive) return {};
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0) return failure(Errc::timeout, "processes in {} are still alive", path_);
        pollfd wait{.fd = events.get(), .events = POLLPRI};
        if (poll(&wait, 1, static_cast<int>(left.count())) < 0 && errno != EINTR)
            return failure_errno(errno, "cannot wait for {}", path_);
    }
}

Outcome<CpuUsage> JobCgroup::cpu_usage() const {
    const auto text = read_cgroup_file(fd(), "cpu.stat");
    if (!text) return std::unexpected(text.error());
    CpuUsage usage;
    std::istringstream words(*text);
    uint64_t value = 0;
    int found = 0;
    for (std::string key; words >> key >> value;) {
        for (const auto& [name, field] :
             {std::pair("usage_usec", &usage.total_us), std::pair("user_usec", &usage.user_us),
              std::pair("system_usec", &usage.system_us)}) {
            if (key != name) continue;
            *field = value;
            ++found;
        }
    }
    if (found != 3) return failure(Errc::invalid, "the cgroup's cpu.stat does not say what {} used", path_);
    return usage;
}

Outcome<uint64_t> JobCgroup::memory_peak() const {
    const auto text = read_cgroup_file(fd(), "memory.peak");
    if (!text) return std::unexpected(text.error());
    std::istringstream words(*text);
    uint64_t bytes = 0;
    if (!(words >> bytes))
        return failure(Errc::invalid, "the cgroup's memory.peak of {} is no number", path_);
    return bytes;
}

Outcome<void> JobCgroup::remove() {
    if (auto removed = remove_below(fd(), 0); !removed) return removed;
    if (unlinkat(parent_.get(), name_.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
        return failure_errno(errno, "cannot remove the cgroup {}", path_);
    return {};
}

Outcome<std::unique_ptr<CgroupKill>> CgroupKill::start(sd_event* event, const JobCgroup& cgroup,
                                                       std::chrono::milliseconds deadline, OnDone done) {
    std::unique_ptr<CgroupKill> kill(new CgroupKill(cgroup, std::move(done)));
    kill->events_.reset(openat(cgroup.fd(), kEvents, O_RDONLY | O_CLOEXEC));
    if (!kill->events_) return failure_errno(errno, "cannot watch the cgroup {}", cgroup.path());
    if (auto killed = cgroup.kill(); !killed) return std::unexpected(killed.error());
    const auto on_change = [](sd_event_source*, int, uint32_t, void* self) {
        static_cast<CgroupKill*>(self)->check(false);
        return 0;
    };
    const auto on_time = [](sd_event_source*, uint64_t, void* self) {
        static_cast<CgroupKill*>(self)->check(true);
        return 0;
    };
    // a cgroup that is empty already makes no event
    const auto at_once = [](sd_event_source*, void* self) {
        static_cast<CgroupKill*>(self)->check(false);
        return 0;
    };
    const auto delay = static_cast<uint64_t>(std::chrono::microseconds(deadline).count());
    // a file of sysfs is always readable to poll: only the exceptional condition means a change
    if (sd_event_add_io(event, &kill->io_, kill->events_.get(), EPOLLPRI | EPOLLET, on_change, kill.get()) <
            0 ||
        sd_event_add_time_relative(event, &kill->timer_, CLOCK_MONOTONIC, delay, 0, on_time, kill.get()) <
            0 ||
        sd_event_add_defer(event, &kill->first_, at_once, kill.get()) < 0)
        return failure(Errc::system, "cannot wait for the cgroup {}", cgroup.path());
    return kill;
}

CgroupKill::~CgroupKill() {
    sd_event_source_disable_unref(io_);
    sd_event_source_disable_unref(timer_);
    sd_event_source_disable_unref(first_);
}

void CgroupKill::check(bool late) {
    char text[256];
    const bool armed = pread(events_.get(), text, sizeof text, 0) >= 0 || errno == ENODEV;
    auto alive = cgroup_.populated();
    if (armed && alive && *alive && !late) return;
    io_ = sd_event_source_disable_unref(io_);
    timer_ = sd_event_source_disable_unref(timer_);
    first_ = sd_event_source_disable_unref(first_);
    Outcome<void> result;
    if (!alive)
        result = std::unexpected(alive.error());
    else if (*alive)
        result = failure(Errc::timeout, "processes in {} survive SIGKILL; see ps(1) state D", cgroup_.path());
    // last: done may destroy this object
    auto done = std::move(done_);
    done(std::move(result));
}

}  // namespace xos

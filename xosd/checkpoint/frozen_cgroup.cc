#include "xosd/checkpoint/frozen_cgroup.h"

#include <fcntl.h>
#include <poll.h>

#include <chrono>
#include <filesystem>

#include "libxos/unique_fd.h"

namespace xos {
namespace {

constexpr std::chrono::seconds kFreezeLimit{10};

std::string read_cgroup(int file) {
    char text[256];
    const ssize_t n = pread(file, text, sizeof text, 0);
    return n > 0 ? std::string(text, static_cast<size_t>(n)) : std::string();
}

// cgroup.events tells of a change by POLLPRI (Documentation/admin-guide/cgroup-v2.rst).
bool await_frozen(int events) {
    const auto end = std::chrono::steady_clock::now() + kFreezeLimit;
    while (!read_cgroup(events).contains("frozen 1")) {
        if (std::chrono::steady_clock::now() > end) return false;
        pollfd slot{events, POLLPRI, 0};
        if (poll(&slot, 1, 100) < 0 && errno != EINTR) return false;
    }
    return true;
}

}  // namespace

Outcome<void> write_cgroup(int cgroup_fd, const char* name, char value) {
    UniqueFd file(openat(cgroup_fd, name, O_WRONLY | O_CLOEXEC));
    if (!file || write(file.get(), &value, 1) != 1)
        return failure_errno(errno, "cannot write {} of the job's cgroup", name);
    return {};
}

Outcome<FrozenCgroup> FrozenCgroup::freeze(int cgroup_fd) {
    std::error_code error;
    const auto path = std::filesystem::read_symlink(compose("/proc/self/fd/{}", cgroup_fd), error);
    UniqueFd events(openat(cgroup_fd, "cgroup.events", O_RDONLY | O_CLOEXEC));
    UniqueFd state(openat(cgroup_fd, "cgroup.freeze", O_RDONLY | O_CLOEXEC));
    if (error || !events || !state) return failure(Errc::unavailable, "the job's cgroup cannot be frozen");
    FrozenCgroup frozen(cgroup_fd, path, read_cgroup(state.get()).starts_with('0'));
    if (auto written = write_cgroup(cgroup_fd, "cgroup.freeze", '1'); !written)
        return std::unexpected(written.error());
    if (!await_frozen(events.get()))
        return failure(Errc::timeout,
                       "the job did not stop within {} seconds: a process waits for a device or disk",
                       kFreezeLimit.count());
    return frozen;
}

FrozenCgroup::FrozenCgroup(FrozenCgroup&& other) noexcept
    : cgroup_fd_(other.cgroup_fd_), path_(std::move(other.path_)), thaw_(std::exchange(other.thaw_, false)) {}

FrozenCgroup::~FrozenCgroup() {
    // a cgroup that is gone has nothing to thaw
    if (thaw_) (void)write_cgroup(cgroup_fd_, "cgroup.freeze", '0');
}

}  // namespace xos

#include "connector_agent/held_process.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "common/tracking/filter_layout.h"
#include "connector_agent/pidfd_info.h"

namespace xos {

int find_held_limit() {
    constexpr rlim_t kForBindings = 2 * XOS_BINDINGS_MAX + 64;  // a cgroup and a journal each
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return 0;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur <= kForBindings) return 0;
    return static_cast<int>(std::min<rlim_t>(files.rlim_cur - kForBindings, kHeldMax));
}

std::optional<HeldProcess> hold_process(int32_t pid) {
    UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    struct stat st{};
    if (!pidfd || is_over(pidfd.get()) || fstat(pidfd.get(), &st) != 0) return std::nullopt;
    return HeldProcess{std::move(pidfd), st.st_ino};
}

bool is_over(int pidfd) {
    pollfd end{.fd = pidfd, .events = POLLIN};
    return poll(&end, 1, 0) == 1;
}

std::optional<int32_t> ask_exit_status(int pidfd) {
    PidfdInfo info{.mask = kPidfdInfoExit};
    if (ioctl(pidfd, kPidfdGetInfo, &info) != 0 || (info.mask & kPidfdInfoExit) == 0) return std::nullopt;
    return info.exit_code;
}

}  // namespace xos

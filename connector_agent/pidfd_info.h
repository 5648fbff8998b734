// struct pidfd_info of linux/pidfd.h as of Linux 6.15, which Debian 13's headers do not have yet.
//
// Owns: the layout (PIDFD_INFO_SIZE_VER0) and the request's number. Trusts: nothing; layout only.
#pragma once

#include <sys/ioctl.h>

#include <cstdint>

namespace xos {

struct PidfdInfo {
    uint64_t mask = 0;
    uint64_t cgroup_id = 0;
    uint32_t pid = 0, tgid = 0, ppid = 0;
    uint32_t ruid = 0, rgid = 0, euid = 0, egid = 0, suid = 0, sgid = 0, fsuid = 0, fsgid = 0;
    int32_t exit_code = 0;
};
static_assert(sizeof(PidfdInfo) == 64);

inline constexpr uint64_t kPidfdInfoExit = 1U << 3;
inline constexpr unsigned long kPidfdGetInfo = _IOWR(0xFF, 11, PidfdInfo);

}  // namespace xos

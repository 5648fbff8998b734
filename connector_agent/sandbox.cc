#include "connector_agent/sandbox.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <array>
#include <memory>

#include "common/log.h"
#include "connector_agent/pidfd_info.h"

namespace xos {
namespace {

struct FilterDeleter {
    void operator()(void* filter) const { seccomp_release(filter); }
};
using SeccompFilter = std::unique_ptr<void, FilterDeleter>;

constexpr std::array kAllowed{
    SCMP_SYS(accept4),         SCMP_SYS(brk),          SCMP_SYS(clock_gettime),  SCMP_SYS(clock_nanosleep),
    SCMP_SYS(close),           SCMP_SYS(exit),         SCMP_SYS(exit_group),     SCMP_SYS(fcntl),
    SCMP_SYS(fstat),           SCMP_SYS(ftruncate),    SCMP_SYS(futex),          SCMP_SYS(getdents64),
    SCMP_SYS(getpid),          SCMP_SYS(getrandom),    SCMP_SYS(getsockname),    SCMP_SYS(getsockopt),
    SCMP_SYS(lseek),           SCMP_SYS(madvise),      SCMP_SYS(mremap),         SCMP_SYS(munmap),
    SCMP_SYS(newfstatat),      SCMP_SYS(pidfd_open),   SCMP_SYS(poll),           SCMP_SYS(ppoll),
    SCMP_SYS(pwrite64),        SCMP_SYS(read),         SCMP_SYS(recvmmsg),       SCMP_SYS(recvmsg),
    SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sendmsg),         SCMP_SYS(sendto),       SCMP_SYS(statx),          SCMP_SYS(timerfd_settime),
    SCMP_SYS(write),           SCMP_SYS(writev),       SCMP_SYS(gettid),
    SCMP_SYS(tgkill),  // abort() of an assertion
};

Outcome<void> check_capabilities() {
    const std::unique_ptr<_cap_struct, int (*)(void*)> mine(cap_get_proc(), cap_free);
    const std::unique_ptr<_cap_struct, int (*)(void*)> none(cap_init(), cap_free);
    if (!mine || !none || cap_compare(mine.get(), none.get()) != 0)
        return failure(Errc::denied,
                       "the agent was started with capabilities; only xosd starts this program");
    return {};
}

[[maybe_unused]] bool allow_some_arguments(scmp_filter_ctx filter) {
    constexpr auto kFlagsOfOpen = static_cast<scmp_datum_t>(O_ACCMODE | O_CREAT | O_TRUNC);
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, kFlagsOfOpen, O_RDONLY)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(bpf), 1,
                            SCMP_A0(SCMP_CMP_EQ, BPF_MAP_LOOKUP_ELEM)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME)) ==
               0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                            SCMP_A1(SCMP_CMP_EQ, kPidfdGetInfo)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0;
}

}  // namespace

Outcome<void> enter_sandbox() {
    if (auto checked = check_capabilities(); !checked) return checked;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
        return failure_errno(errno, "the agent cannot give up new privileges");
#if defined(__SANITIZE_ADDRESS__)
    log(Level::warning, "no system call filter: built with sanitizers");
    return {};
#else
    const SeccompFilter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
    if (!filter) return failure(Errc::system, "cannot make the agent's system call filter");
    for (const int call : kAllowed) {
        if (const int e = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); e != 0)
            return failure_errno(-e, "cannot allow system call {}", call);
    }
    if (!allow_some_arguments(filter.get()))
        return failure(Errc::system, "cannot build the agent's system call filter");
    if (const int e = seccomp_load(filter.get()); e != 0)
        return failure_errno(-e, "cannot load the agent's system call filter");
    return {};
#endif
}

}  // namespace xos

#include "xosd/verifier/sandbox.h"

#include <grp.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <limits>
#include <memory>

namespace xos {
namespace {

constexpr rlim_t kMemoryMax = 256 * 1024 * 1024;
constexpr rlim_t kCpuSecondsMax = 600;  // far above what the requests of one process can use

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kLimitMemory = false;  // the shadow memory of ASan alone is 20 TB
#else
constexpr bool kLimitMemory = true;
#endif

Outcome<void> close_all_but(int socket) {
    const auto low = static_cast<unsigned>(socket);
    const unsigned last = std::numeric_limits<unsigned>::max();
    if ((low > 0 && close_range(0, low - 1, 0) != 0) || close_range(low + 1, last, 0) != 0)
        return failure_errno(errno, "cannot close the other descriptors");
    return {};
}

Outcome<void> limit(__rlimit_resource resource, rlim_t value, const char* name) {
    const rlimit both{value, value};
    if (setrlimit(resource, &both) != 0) return failure_errno(errno, "cannot limit {}", name);
    return {};
}

Outcome<void> limit_resources() {
    const struct {
        __rlimit_resource resource;
        rlim_t value;
        const char* name;
    } limits[] = {{RLIMIT_NOFILE, 0, "open files"},         {RLIMIT_FSIZE, 0, "file sizes"},
                  {RLIMIT_CORE, 0, "core dumps"},           {RLIMIT_MEMLOCK, 0, "locked memory"},
                  {RLIMIT_CPU, kCpuSecondsMax, "CPU time"}, {RLIMIT_NPROC, 0, "processes"}};
    for (const auto& entry : limits)
        if (auto done = limit(entry.resource, entry.value, entry.name); !done) return done;
    if (kLimitMemory) return limit(RLIMIT_AS, kMemoryMax, "memory");
    return {};
}

// /proc/self/fdinfo is a directory that nobody can put a file into, and empty once this process has ended.
Outcome<void> leave_root_directory() {
    if (chroot("/proc/self/fdinfo") != 0 || chdir("/") != 0)
        return failure_errno(errno, "cannot leave the root directory");
    return {};
}

Outcome<void> drop_bounding_set() {
    for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; ++cap)
        if (cap_drop_bound(cap) != 0) return failure_errno(errno, "cannot drop capability {}", cap);
    return {};
}

Outcome<void> become(uid_t uid, gid_t gid) {
    if (setgroups(0, nullptr) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return failure_errno(errno, "cannot become uid {} gid {}", uid, gid);
    return {};
}

Outcome<void> drop_capabilities() {
    const std::unique_ptr<_cap_struct, int (*)(void*)> none(cap_init(), cap_free);
    if (!none || cap_set_proc(none.get()) != 0 || cap_reset_ambient() != 0)
        return failure_errno(errno, "cannot drop the capabilities");
    return {};
}

// libseccomp answers with a negative errno.
Outcome<void> filter_system_calls(int socket) {
    const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(seccomp_init(SCMP_ACT_KILL_PROCESS),
                                                                  seccomp_release);
    if (!filter) return failure(Errc::system, "cannot make a system call filter");
    const auto fd = static_cast<scmp_datum_t>(socket);
    int error = seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    const auto allow = [&](int number, auto... conditions) {
        if (error == 0)
            error =
                seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, number, sizeof...(conditions), conditions...);
    };
    for (const int number : {SCMP_SYS(recvfrom), SCMP_SYS(sendto)}) allow(number, SCMP_A0(SCMP_CMP_EQ, fd));
    for (const int number : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
        allow(number, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    for (const int number :
         {SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(futex),
          SCMP_SYS(getrandom), SCMP_SYS(clock_gettime), SCMP_SYS(getpid), SCMP_SYS(close_range),
          SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group)})
        allow(number);
    if (error == 0) error = seccomp_load(filter.get());
    if (error != 0) return failure_errno(-error, "cannot filter the system calls");
    return {};
}

}  // namespace

Outcome<void> enter_sandbox(const SandboxOptions& options) {
    if (options.uid == 0 || options.gid == 0)
        return failure(Errc::invalid, "the verifier does not run as root: give it a user of its own");
    const bool root = geteuid() == 0;
    if (root) {
        if (auto done = leave_root_directory(); !done) return done;
        if (auto done = drop_bounding_set(); !done) return done;
        if (auto done = become(options.uid, options.gid); !done) return done;
    } else if (geteuid() != options.uid || getegid() != options.gid) {
        return failure(Errc::denied, "only root can become uid {} gid {}", options.uid, options.gid);
    }
    if (auto done = drop_capabilities(); !done) return done;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return failure_errno(errno, "cannot forbid new privileges");
    if (auto done = limit_resources(); !done) return done;
    if (auto done = filter_system_calls(options.socket); !done) return done;
    return close_all_but(options.socket);  // last, so that a failure above can still be told on stderr
}

}  // namespace xos

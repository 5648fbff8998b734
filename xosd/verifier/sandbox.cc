#include "xosd/verifier/sandbox.h"

#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <limits>
#include <memory>
#include <span>

#include "xosd/sandbox/rights.h"

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

Outcome<void> limit() {
    constexpr ResourceLimit kLimits[] = {
        {RLIMIT_NOFILE, 0, "open files"},         {RLIMIT_FSIZE, 0, "file sizes"},
        {RLIMIT_CORE, 0, "core dumps"},           {RLIMIT_MEMLOCK, 0, "locked memory"},
        {RLIMIT_CPU, kCpuSecondsMax, "CPU time"}, {RLIMIT_NPROC, 0, "processes"},
        {RLIMIT_AS, kMemoryMax, "memory"}};
    return limit_resources(std::span(kLimits).first(std::size(kLimits) - (kLimitMemory ? 0 : 1)));
}

// /proc/self/fdinfo is a directory that nobody can put a file into, and empty once this process has ended.
Outcome<void> leave_root_directory() {
    if (chroot("/proc/self/fdinfo") != 0 || chdir("/") != 0)
        return failure_errno(errno, "cannot leave the root directory");
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
    if (auto done = drop_privileges(); !done) return done;
    if (auto done = limit(); !done) return done;
    if (auto done = filter_system_calls(options.socket); !done) return done;
    return close_all_but(options.socket);  // last, so that a failure above can still be told on stderr
}

}  // namespace xos

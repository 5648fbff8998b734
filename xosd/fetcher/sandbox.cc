#include "xosd/fetcher/sandbox.h"

#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <span>

#include "xosd/sandbox/rights.h"

namespace xos {
namespace {

constexpr rlim_t kMemoryMax = 512 * 1024 * 1024;  // a zstd window may take 128 MiB of it
constexpr rlim_t kCpuSecondsMax = 300;
constexpr rlim_t kFilesMax = 64;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;  // shadow memory and a tracing thread
#else
constexpr bool kSanitized = false;
#endif

constexpr std::array kAllowed{
    SCMP_SYS(access),
    SCMP_SYS(bind),
    SCMP_SYS(brk),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(close),
    SCMP_SYS(connect),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(faccessat2),
    SCMP_SYS(fcntl),
    SCMP_SYS(fstat),
    SCMP_SYS(futex),
    SCMP_SYS(getegid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getpeername),
    SCMP_SYS(getpid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(gettid),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getuid),
    SCMP_SYS(ioctl),
    SCMP_SYS(lseek),
    SCMP_SYS(madvise),
    SCMP_SYS(mremap),
    SCMP_SYS(munmap),
    SCMP_SYS(newfstatat),
    SCMP_SYS(pipe2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(pread64),
    SCMP_SYS(read),
    SCMP_SYS(readlink),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),
    SCMP_SYS(socketpair),
    SCMP_SYS(stat),
    SCMP_SYS(statx),
    SCMP_SYS(sysinfo),
    SCMP_SYS(tgkill),
    SCMP_SYS(uname),
    SCMP_SYS(write),
    SCMP_SYS(writev),
};

Outcome<void> limit(uint64_t max_file) {
    const ResourceLimit limits[] = {
        {RLIMIT_NOFILE, kFilesMax, "open files"}, {RLIMIT_FSIZE, max_file, "file sizes"},
        {RLIMIT_CORE, 0, "core dumps"},           {RLIMIT_MEMLOCK, 0, "locked memory"},
        {RLIMIT_CPU, kCpuSecondsMax, "CPU time"}, {RLIMIT_NPROC, 0, "processes"},
        {RLIMIT_AS, kMemoryMax, "memory"}};
    return limit_resources(std::span(limits).first(std::size(limits) - (kSanitized ? 1 : 0)));
}

// Names are looked up by DNS, a local resolver's socket, and the kernel's routes.
constexpr std::array kFamilies{AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};

// libseccomp answers with a negative errno.
Outcome<void> filter_system_calls() {
    const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)),
                                                                  seccomp_release);
    if (!filter) return failure(Errc::system, "cannot make a system call filter");
    int error = 0;
    const auto allow = [&](int number, auto... conditions) {
        if (error == 0)
            error =
                seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, number, sizeof...(conditions), conditions...);
    };
    for (const int number : kAllowed) allow(number);
    for (const int family : kFamilies)
        allow(SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(family)));
    constexpr auto kFlagsOfOpen = static_cast<scmp_datum_t>(O_ACCMODE | O_CREAT | O_TRUNC);
    allow(SCMP_SYS(openat), SCMP_A2(SCMP_CMP_MASKED_EQ, kFlagsOfOpen, O_RDONLY));
    // look-ups of names load modules: code may be mapped, but not what can be written
    for (const int number : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
        allow(number, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        allow(number, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC));
    }
    if (error == 0) error = seccomp_load(filter.get());
    if (error != 0) return failure_errno(-error, "cannot filter the system calls");
    return {};
}

}  // namespace

Outcome<void> enter_fetch_sandbox(const SandboxUser& user, uint64_t max_file) {
    if (user.uid == 0 || user.gid == 0)
        return failure(Errc::invalid, "the fetcher does not run as root: give it a user of its own");
    if (geteuid() == 0) {
        if (auto done = drop_bounding_set(); !done) return done;
        if (auto done = become(user.uid, user.gid); !done) return done;
    } else if (geteuid() != user.uid || getegid() != user.gid) {
        return failure(Errc::denied, "only root can become uid {} gid {}", user.uid, user.gid);
    }
    if (auto done = drop_privileges(); !done) return done;
    if (auto done = limit(max_file); !done) return done;
    return kSanitized ? Outcome<void>() : filter_system_calls();
}

}  // namespace xos

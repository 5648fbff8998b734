#include "xosd/container/namespaces.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <set>

#include "xosd/container/layer.h"
#include "xosd/container/pidfd.h"

namespace xos {
namespace {

constexpr uint64_t kNamespaces =
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET;
constexpr int kLoaderReadyMillis = 5000;

// The step that failed and its errno, from the new process to the old one.
struct Report {
    char step[60];
    int error;
};

[[noreturn]] void give_up(int report, const char* step) {
    Report text{};
    text.error = errno;
    std::snprintf(text.step, sizeof text.step, "%s", step);
    if (write(report, &text, sizeof text) < 0) _exit(2);
    _exit(1);
}

bool mount_inside(const std::string& root) {
    // a bind mount on itself: what came from the old namespace is locked and pivot_root refuses it
    if (mount(root.c_str(), root.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0 ||
        chdir(root.c_str()) != 0)
        return false;
    const unsigned long safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    return mount("proc", "proc", "proc", safe, nullptr) == 0 &&
           mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
                 "newinstance,ptmxmode=0666,mode=0600") == 0 &&
           mount("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") == 0;
}

bool pivot() {
    // the old root is stacked over the new one and is taken off again: no directory is needed for it
    return syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 && chdir("/") == 0;
}

bool take_stdio(int report) {
    const int null = open("/dev/null", O_RDWR);
    if (null < 0) return false;
    for (int fd = 0; fd < 3; fd++)
        if (dup2(null, fd) < 0) return false;
    if (report != kLoaderReadyFd && dup2(report, kLoaderReadyFd) < 0) return false;
    close_range(kLoaderReadyFd + 1, ~0U, 0);
    return fcntl(kLoaderReadyFd, F_SETFD, 0) == 0;
}

// mapped: a byte arrives when the id maps are written. report becomes the loader's ready descriptor.
[[noreturn]] void become_loader(const std::string& root, int mapped, int report) {
    char byte = 0;
    if (read(mapped, &byte, 1) != 1) _exit(1);
    if (setresgid(0, 0, 0) != 0 || setgroups(0, nullptr) != 0 || setresuid(0, 0, 0) != 0)
        give_up(report, "become the root of the user namespace");
    setsid();
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        give_up(report, "make the mounts private");
    if (!mount_inside(root)) give_up(report, "mount /proc, /dev/pts and /dev/shm");
    if (!pivot()) give_up(report, "pivot into the job's root");
    if (!raise_loopback()) give_up(report, "set the loopback interface up");
    if (!take_stdio(report)) give_up(report, "open /dev/null");
    const std::string program = compose("{}/{}", kLoaderDir, kLoaderProgram);
    const char* const arguments[] = {"xos-loader", nullptr};
    const char* const environment[] = {nullptr};
    execve(program.c_str(), const_cast<char**>(arguments), const_cast<char**>(environment));
    give_up(kLoaderReadyFd, "execute the loader");
}

Outcome<void> write_map(pid_t pid, const char* name, uint32_t inner_root, const std::set<uint32_t>& ids) {
    std::string text = compose("0 {} 1\n", inner_root);
    for (auto at = ids.begin();
         at != ids.end();) {  // runs of numbers in one line: the kernel takes one page of text
        const uint32_t first = *at;
        uint32_t count = 0;
        for (; at != ids.end() && *at == first + count; ++at) count++;
        text += compose("{} {} {}\n", first, first, count);
    }
    const std::string path = compose("/proc/{}/{}", pid, name);
    UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return failure_errno(errno, "cannot write {} of the container ({} ids)", name, ids.size());
    return {};
}

Outcome<void> write_maps(const ContainerSpec& spec, pid_t pid) {
    std::set<uint32_t> gids(spec.groups.begin(), spec.groups.end());
    gids.insert(spec.gid);
    if (auto written = write_map(pid, "gid_map", spec.inner_root, gids); !written) return written;
    return write_map(pid, "uid_map", spec.inner_root, {spec.uid});
}

// Waits for the loader's one byte; anything else is the report of the step that failed.
Outcome<void> await_loader(int report) {
    pollfd slot{report, POLLIN, 0};
    Report text{};
    const int ready = poll(&slot, 1, kLoaderReadyMillis);
    const ssize_t n = ready > 0 ? read(report, &text, sizeof text) : 0;
    if (n == 1) return {};
    if (n == sizeof text) return failure_errno(text.error, "cannot {} in the container", text.step);
    return failure(Errc::system, "the container's loader {} before it was ready",
                   ready > 0 ? "ended" : "hung");
}

struct PipePair {
    UniqueFd read, write;
};

Outcome<PipePair> make_pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return failure_errno(errno, "cannot make a pipe");
    return PipePair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace

bool raise_loopback() {
    UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::snprintf(request.ifr_name, sizeof request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    return fd && ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
}

Outcome<ContainerProcess> enter_namespaces(const ContainerSpec& spec) {
    auto mapped = make_pipe(), report = make_pipe();
    if (!mapped || !report) return failure(Errc::system, "cannot make the pipes of {}'s start", spec.job);
    const std::string root = spec.layer + kMountPoint;
    int pidfd = -1;
    clone_args arguments{};
    arguments.flags = kNamespaces | CLONE_PIDFD | CLONE_INTO_CGROUP;
    arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);
    arguments.exit_signal = SIGCHLD;
    arguments.cgroup = static_cast<uint64_t>(spec.cgroup_fd);
    const auto pid = static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid < 0) return failure_errno(errno, "cannot make the namespaces of {}", spec.job);
    if (pid == 0) {
        mapped->write.reset();
        become_loader(root, mapped->read.get(), report->write.get());
    }
    ContainerProcess process{pid, UniqueFd(pidfd), 0};
    report->write.reset();
    Outcome<void> ready = write_maps(spec, pid);
    if (ready && write(mapped->write.get(), "", 1) != 1)
        ready = failure_errno(errno, "cannot wake {}'s loader", spec.job);
    if (ready) ready = await_loader(report->read.get());
    auto time = read_start_time(pid);
    if (!ready || !time) {
        pidfd_send_signal(process.pidfd.get(), SIGKILL, nullptr, 0);
        waitpid(pid, nullptr, 0);
        return std::unexpected(!ready ? ready.error() : time.error());
    }
    process.start_time = *time;
    return process;
}

}  // namespace xos

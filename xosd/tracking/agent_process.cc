#include "xosd/tracking/agent_process.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "common/tracking/agent_protocol.h"
#include "libxos/names.h"
#include "xosd/sandbox/system_user.h"
#include "xosd/tracking/agent_root.h"

namespace xos {
namespace {

constexpr int kFirstFd = static_cast<int>(AgentFd::netlink);
constexpr int kExecDeadlineMs = 5000;

// Everything the child needs, made before it exists: between clone and exec it must not allocate.
struct Launch {
    int program;  // open before the agent's root hides where it lies
    AgentRoot root;
    std::array<char*, 3> arguments;
    std::array<char*, 2> environment;
    std::span<const int> fds;
    int null;
    int errors;
    uid_t uid;
    gid_t gid;
};

bool place_descriptors(const Launch& start) {
    std::array<int, kAgentFdsMax> high{};
    if (dup2(start.null, 0) < 0 || dup2(start.null, 1) < 0) return false;
    for (size_t i = 0; i < start.fds.size(); ++i) {
        high[i] = fcntl(start.fds[i], F_DUPFD_CLOEXEC, 128);
        if (high[i] < 0) return false;
    }
    for (size_t i = 0; i < start.fds.size(); ++i)
        if (dup2(high[i], kFirstFd + static_cast<int>(i)) < 0) return false;
    const auto next = static_cast<unsigned>(kFirstFd) + static_cast<unsigned>(start.fds.size());
    return close_range(next, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

// Raw calls: the libc's would signal threads that do not exist on this side of the clone.
bool drop_privileges(const Launch& start) {
    return syscall(SYS_setgroups, 0, nullptr) == 0 &&
           syscall(SYS_setresgid, start.gid, start.gid, start.gid) == 0 &&
           syscall(SYS_setresuid, start.uid, start.uid, start.uid) == 0 &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

void reset_signals() {
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < _NSIG; ++number) sigaction(number, &standard, nullptr);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void become_agent(const Launch& start) {
    const int errors = fcntl(start.errors, F_DUPFD_CLOEXEC, 200);
    reset_signals();
    const int program = fcntl(start.program, F_DUPFD_CLOEXEC, 200);
    const int hidden = errors >= 0 && program >= 0 ? enter_agent_root(start.root) : errno;
    if (hidden == 0 && setsid() >= 0 && place_descriptors(start) && drop_privileges(start))
        syscall(SYS_execveat, program, "", start.arguments.data(), start.environment.data(), AT_EMPTY_PATH);
    const int reason = hidden != 0 ? hidden : errno;
    if (write(errors, &reason, sizeof reason) < 0) _exit(126);
    _exit(127);
}

pid_t clone_into(int cgroup, int& pidfd) {
    clone_args arguments{};
    arguments.flags = CLONE_PIDFD | CLONE_NEWNS;
    arguments.pidfd = reinterpret_cast<uintptr_t>(&pidfd);
    arguments.exit_signal = SIGCHLD;
    if (cgroup >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = static_cast<uint64_t>(cgroup);
    }
    return static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof arguments));
}

// The errno of a failed start, 0 where the program was executed.
int read_start_error(int pipe) {
    pollfd wait{.fd = pipe, .events = POLLIN};
    int reason = 0;
    if (poll(&wait, 1, kExecDeadlineMs) <= 0) return ETIMEDOUT;
    return read(pipe, &reason, sizeof reason) == sizeof reason ? reason : 0;
}

Outcome<pid_t> read_pid(int pidfd) {
    std::ifstream info(compose("/proc/self/fdinfo/{}", pidfd));
    for (std::string line; std::getline(info, line);) {
        pid_t pid = 0;
        if (std::sscanf(line.c_str(), "Pid: %d", &pid) == 1 && pid > 0) return pid;
    }
    return failure(Errc::not_found, "the connector agent has ended");
}

}  // namespace

Outcome<AgentProgram> default_agent_program() {
    const auto user = find_system_user(kAgentUser);
    if (!user) return std::unexpected(user.error());
    return AgentProgram{
        .path = std::string(kLibexecDir) + "/xos-connector-agent", .uid = user->uid, .gid = user->gid};
}

Outcome<AgentProcess> AgentProcess::spawn(const AgentProgram& program, std::span<const int> fds,
                                          bool filtered) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return failure_errno(errno, "cannot make a pipe");
    const UniqueFd read_end(ends[0]);
    UniqueFd write_end(ends[1]);
    const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null) return failure_errno(errno, "cannot open /dev/null");
    const UniqueFd file(open(program.path.c_str(), O_PATH | O_CLOEXEC));
    if (!file) return failure_errno(errno, "cannot find {}", program.path);
    std::string path = program.path;
    std::string option = "--unfiltered";
    const char* stream = secure_getenv("JOURNAL_STREAM");
    std::string journal = stream != nullptr ? std::string("JOURNAL_STREAM=") + stream : std::string();
    const Launch start{.program = file.get(),
                       .root = {.socket_directory = program.socket_directory.c_str()},
                       .arguments = {path.data(), filtered ? nullptr : option.data(), nullptr},
                       .environment = {stream != nullptr ? journal.data() : nullptr, nullptr},
                       .fds = fds,
                       .null = null.get(),
                       .errors = write_end.get(),
                       .uid = program.uid,
                       .gid = program.gid};
    int pidfd = -1;
    const pid_t pid = clone_into(program.cgroup, pidfd);
    if (pid < 0) return failure_errno(errno, "cannot start {}", path);
    if (pid == 0) become_agent(start);
    AgentProcess process;
    process.pidfd_.reset(pidfd);
    process.pid_ = pid;
    write_end.reset();
    if (const int reason = read_start_error(read_end.get()); reason != 0) {
        process.kill();
        process.wait(kExecDeadlineMs);
        return failure_errno(reason, "cannot start {} as user {}", path, program.uid);
    }
    return process;
}

Outcome<AgentProcess> AgentProcess::adopt(UniqueFd pidfd) {
    auto pid = read_pid(pidfd.get());
    if (!pid) return std::unexpected(pid.error());
    AgentProcess process;
    process.pidfd_ = std::move(pidfd);
    process.pid_ = *pid;
    return process;
}

void AgentProcess::kill() const {
    syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
}

bool AgentProcess::wait(int timeout_ms) const {
    pollfd ended{.fd = pidfd_.get(), .events = POLLIN};
    if (poll(&ended, 1, timeout_ms) <= 0) return false;
    siginfo_t info{};
    waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info,
           WEXITED | WNOHANG);  // ECHILD where it is not ours
    return true;
}

}  // namespace xos

#include "xosd/checkpoint/criu_session.h"

#include <criu/criu.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <fstream>
#include <sstream>

namespace xos {
namespace {

constexpr char kCriu[] = "/usr/sbin/criu";
constexpr char kLog[] = "criu.log";
constexpr unsigned int kGhostLimit = 64 << 20;  // bytes of a deleted but open file that an image may hold
constexpr unsigned int kFreezeSeconds = 30;

// libcriu's hooks have no context pointer, and a process makes one run at a time.
const CriuRun* g_run = nullptr;
std::optional<Failure> g_hook_failure;

int call_hook(char* action, criu_notify_arg_t argument) {
    if (!g_run->hook) return 0;
    const auto done = g_run->hook(action, criu_notify_pid(argument));
    if (done) return 0;
    g_hook_failure = done.error();
    return -1;
}

struct Descriptors {
    UniqueFd images, work;
};

Outcome<Descriptors> set_common_options(const CriuRun& run) {
    Descriptors fds{UniqueFd(open(run.images.c_str(), O_RDONLY | O_DIRECTORY)),
                    UniqueFd(open(run.work.c_str(), O_RDONLY | O_DIRECTORY))};
    if (!fds.images || !fds.work) return failure_errno(errno, "cannot open the checkpoint's directories");
    if (criu_init_opts() != 0 || criu_set_service_binary(kCriu) != 0 || criu_set_log_file(kLog) != 0)
        return failure(Errc::system, "cannot prepare CRIU");
    g_run = &run;
    g_hook_failure.reset();
    criu_set_images_dir_fd(fds.images.get());
    criu_set_work_dir_fd(fds.work.get());
    criu_set_log_level(CRIU_LOG_WARN);
    criu_set_notify_cb(call_hook);
    // the processes are in the job's cgroup and stay in the one that xosd chooses
    criu_set_manage_cgroups(true);
    criu_set_manage_cgroups_mode(CRIU_CG_MODE_IGNORE);
    // nothing comes from outside the loopback: no lock is needed, and no dump of links and rules
    criu_set_network_lock(CRIU_NETWORK_LOCK_SKIP);
    criu_set_empty_ns(CLONE_NEWNET);
    criu_set_file_locks(true);
    criu_set_tcp_established(true);
    criu_set_link_remap(true);
    criu_set_ghost_limit(kGhostLimit);
    criu_set_timeout(kFreezeSeconds);
    return fds;
}

// What CRIU and the tools it runs get: no variable of xosd's, but the places where tar and its like are.
void clear_environment() {
    clearenv();
    setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    setenv("LC_ALL", "C", 1);
}

bool hides_socket_options() {
    UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    int value = 0;
    socklen_t size = sizeof value;
    return fd && getsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &value, &size) != 0 && errno == EOPNOTSUPP;
}

// CRIU wants the highest descriptor number it can have for its own files.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return;
}

std::unexpected<Failure> criu_failure(const CriuRun& run, std::string_view verb) {
    if (g_hook_failure) return std::unexpected(*g_hook_failure);
    return failure(Errc::unavailable, "CRIU could not {} the job: {}", verb,
                   explain_criu_log(run.work + '/' + kLog));
}

struct Translation {
    const char* text;  // a part of CRIU's message
    const char* words;
};
constexpr Translation kTranslations[] = {
    {"unix: Dangling connection", "a process holds a Unix socket whose other end is outside the job"},
    {"Unix socket", "a process holds a Unix socket whose other end is outside the job"},
    {"Can't lookup mount=", "a process holds a file that was opened outside the job's container"},
    {"opt: Operation not supported", "this kernel needs a newer CRIU (4.2) for jobs with network sockets"},
    {"nested pid namespace", "a process made a pid namespace of its own"},
    {"ctty inheritance", "a shell keeps its terminal open in a way that CRIU cannot restore: use bash"},
    {"has bad size", "a file that the job uses has changed since the checkpoint"},
    {"No space left", "the disk is full"},
};

}  // namespace

std::string explain_criu_log(const std::string& log) {
    std::ifstream file(log);
    for (std::string line; std::getline(file, line);) {
        const size_t at = line.find("Error (");
        // said at every start without CAP_SYS_RESOURCE; CRIU goes on with the limit it has
        if (at == std::string::npos || line.contains("Can't setup RLIMIT_NOFILE")) continue;
        const size_t text = line.find("): ", at);
        std::string reason = text == std::string::npos ? line.substr(at) : line.substr(text + 3);
        for (const Translation& translation : kTranslations)
            if (reason.contains(translation.text)) return compose("{} (CRIU: {})", translation.words, reason);
        return reason;
    }
    return "it said nothing in its log";
}

Outcome<void> run_criu_dump(const CriuRun& run, pid_t pid, const std::string& cgroup, bool keep_running) {
    clear_environment();
    raise_descriptor_limit();
    auto fds = set_common_options(run);
    if (!fds) return std::unexpected(fds.error());
    if (!run.socket_options.empty() && hides_socket_options())
        setenv("LD_PRELOAD", run.socket_options.c_str(), 1);
    criu_set_pid(pid);
    criu_set_leave_running(keep_running);
    // CRIU thaws it with every process held, and freezes it again at its end
    if (criu_set_freeze_cgroup(cgroup.c_str()) != 0) return failure(Errc::system, "cannot prepare CRIU");
    for (const ExternalMount& mount : run.externals)
        if (criu_add_external(compose("mnt[{0}]:{0}", mount.inside).c_str()) != 0)
            return failure(Errc::system, "cannot prepare CRIU");
    if (criu_dump() < 0) return criu_failure(run, "dump");
    return {};
}

Outcome<pid_t> run_criu_restore(const CriuRun& run, const std::string& root) {
    clear_environment();
    raise_descriptor_limit();
    auto fds = set_common_options(run);
    if (!fds) return std::unexpected(fds.error());
    if (criu_set_root(root.c_str()) != 0) return failure(Errc::system, "cannot prepare CRIU");
    for (const ExternalMount& mount : run.externals)
        if (criu_add_external(compose("mnt[{}]:{}", mount.inside, mount.source).c_str()) != 0)
            return failure(Errc::system, "cannot prepare CRIU");
    // libcriu(3): the restored process is our child, and may end before the call returns
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, nullptr);
    const int pid = criu_restore_child();
    if (pid <= 0) return criu_failure(run, "restore");
    return pid;
}

Outcome<std::string> criu_version() {
    if (access(kCriu, X_OK) != 0) return failure_errno(errno, "cannot use {} (apt install criu)", kCriu);
    clear_environment();
    if (criu_init_opts() != 0 || criu_set_service_binary(kCriu) != 0)
        return failure(Errc::system, "cannot prepare CRIU");
    const int version = criu_get_version();  // major * 10000 + minor * 100 + sublevel
    if (version <= 0) return failure(Errc::unavailable, "{} does not answer", kCriu);
    return compose("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

}  // namespace xos

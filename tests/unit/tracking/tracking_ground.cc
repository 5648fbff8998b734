#include "tests/unit/tracking/tracking_ground.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>

#include "xosd/tracking/proc_connector_socket.h"

namespace xos::test {
namespace {

constexpr std::chrono::seconds kPatience{10};

void end_all_in(JobCgroup& cgroup) {
    if (cgroup.kill() && cgroup.wait_empty(kPatience)) (void)cgroup.remove();
}

}  // namespace

void give_up(const std::string& why) {
    throw std::runtime_error(why);
}

std::string why_tracking_cannot_run() {
    if (geteuid() != 0) return "needs root";
    if (const auto own = open_cgroup("/"); !own) return own.error().message;
    if (auto socket = open_proc_connector(nullptr, 4096); !socket)
        return socket.error().message;
    else
        ignore_proc_connector(socket->get());
    return {};
}

TrackingGround::TrackingGround() {
    static int number = 0;
    // what the started daemons leave behind is ours to reap, not the machine's
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) give_up("cannot become a reaper");
    name_ = "xos-test-" + std::to_string(getpid()) + "-" + std::to_string(++number);
    auto top = open_cgroup("/");
    if (!top) give_up(top.error().message);
    top_ = std::move(*top);
    for (const std::string& path : {name_, name_ + "/jobs", name_ + "/agent"})
        if (mkdirat(top_.get(), path.c_str(), 0755) != 0) give_up("cannot make the cgroup " + path);
    const auto open_below = [this](const char* below) {
        return UniqueFd(openat(top_.get(), (name_ + below).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    };
    own_ = open_below("");
    base_.jobs = open_below("/jobs");
    base_.agent = open_below("/agent");
    base_.jobs_path = "/" + name_ + "/jobs";
    std::string directory = "/tmp/xos-tracking.XXXXXX";
    if (mkdtemp(directory.data()) == nullptr || chmod(directory.c_str(), 0755) != 0)
        give_up("cannot make a directory in /tmp");
    directory_ = directory;
}

TrackingGround::~TrackingGround() {
    for (const std::string& name : made_)
        if (auto cgroup = JobCgroup::open(base_, name)) end_all_in(*cgroup);
    if (auto agent = JobCgroup::open(CgroupParent{own_.get(), "/" + name_}, "agent")) end_all_in(*agent);
    while (waitpid(-1, nullptr, WNOHANG) > 0) {  // all were killed; another ground's agent lives on
    }
    for (const std::string& path : {name_ + "/jobs", name_}) unlinkat(top_.get(), path.c_str(), AT_REMOVEDIR);
    std::filesystem::remove_all(directory_);
}

JobCgroup TrackingGround::make_cgroup(const std::string& name) {
    auto cgroup = JobCgroup::make(base_, name);
    if (!cgroup) give_up(cgroup.error().message);
    made_.push_back(name);
    return std::move(*cgroup);
}

JobCgroup TrackingGround::agent_cgroup() const {
    auto agent = JobCgroup::open(CgroupParent{own_.get(), "/" + name_}, "agent");
    if (!agent) give_up(agent.error().message);
    return std::move(*agent);
}

pid_t spawn_in(const JobCgroup& cgroup, const std::function<int()>& body) {
    clone_args arguments{};
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.exit_signal = SIGCHLD;
    arguments.cgroup = static_cast<uint64_t>(cgroup.fd());
    const auto pid = static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid < 0) give_up("cannot start a process in " + cgroup.path());
    if (pid == 0) _exit(body());
    return pid;
}

int wait_for_signal() {
    for (;;) pause();
}

int reap(pid_t pid) {
    int status = -1;
    if (waitpid(pid, &status, 0) != pid) give_up("no process " + std::to_string(pid) + " to reap");
    return status;
}

}  // namespace xos::test

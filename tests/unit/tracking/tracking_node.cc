#include "tests/unit/tracking/tracking_node.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "common/tracking/filter_layout.h"

namespace xos::test {
namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr uid_t kNobody = 65534;

std::string why_not() {
    if (geteuid() != 0) return "needs root";
    if (const auto own = open_cgroup("/"); !own) return own.error().message;
    if (auto socket = open_proc_connector(nullptr, 4096); !socket)
        return socket.error().message;
    else
        ignore_proc_connector(socket->get());
    return {};
}

}  // namespace

void require_kernel() {
    const std::string reason = why_not();
    if (reason.empty()) return;
    const char* must_run = std::getenv("XOS_TESTS_MUST_RUN");
    if (must_run != nullptr && std::string_view(must_run) == "1") FAIL("cannot run here: " << reason);
    SKIP("cannot run here: " << reason);
}

uint64_t SeenEvents::lost_messages(const std::string& job) const {
    uint64_t sum = 0;
    for (const auto& [name, loss] : lost)
        if (name == job) sum += loss.events;
    return sum;
}

TrackingNode::TrackingNode(int receive_buffer, bool use_filter)
    : receive_buffer_(receive_buffer), use_filter_(use_filter) {
    static int number = 0;
    // what a test's daemons leave behind is ours to reap, not the machine's
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    name_ = "xos-test-" + std::to_string(getpid()) + "-" + std::to_string(++number);
    auto top = open_cgroup("/");
    REQUIRE(top);
    top_ = std::move(*top);
    for (const std::string& path : {name_, name_ + "/jobs", name_ + "/agent"})
        REQUIRE(mkdirat(top_.get(), path.c_str(), 0755) == 0);
    base_.jobs.reset(openat(top_.get(), (name_ + "/jobs").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    base_.agent.reset(openat(top_.get(), (name_ + "/agent").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    base_.jobs_path = "/" + name_ + "/jobs";
    std::string directory = "/tmp/xos-tracking.XXXXXX";
    REQUIRE(mkdtemp(directory.data()) != nullptr);
    directory_ = directory;
    REQUIRE(chmod(directory.c_str(), 0755) == 0);
    REQUIRE(sd_event_new(&event_) >= 0);
    connect_client();
}

TrackingNode::~TrackingNode() {
    if (!client_) connect_client();
    client_->stop();
    client_.reset();
    sd_event_unref(event_);
    for (const std::string& name : jobs_) {
        auto job = JobCgroup::open(base_, name);
        if (job && job->kill() && job->wait_empty(kPatience)) (void)job->remove();
    }
    while (waitpid(-1, nullptr, WNOHANG) > 0) {  // all were killed; another node's agent lives on
    }
    for (const std::string& path : {name_ + "/jobs", name_ + "/agent", name_})
        unlinkat(top_.get(), path.c_str(), AT_REMOVEDIR);
    std::filesystem::remove_all(directory_);
}

void TrackingNode::connect_client(std::vector<UniqueFd> kept) {
    AgentOptions options{
        .socket_path = directory_ / "agent",
        .program = {.path = std::getenv("XOS_AGENT"),
                    .uid = kNobody,
                    .gid = kNobody,
                    .cgroup = base_.agent.get(),
                    .socket_directory = directory_},
        .receive_buffer = receive_buffer_,
        .use_filter = use_filter_,
        .pause_first = std::chrono::milliseconds(1),
        .pause_last = std::chrono::milliseconds(5),
        .kept = std::move(kept),
        .keep = [this](std::span<const int> fds) { latest_.assign(fds.begin(), fds.end()); }};
    AgentCallbacks callbacks;
    callbacks.on_main_exit = [this](const std::string& job, pid_t, std::optional<int> status) {
        seen_.main_exits[job].push_back(status);
    };
    callbacks.on_empty = [this](const std::string& job) { ++seen_.empty[job]; };
    callbacks.on_lost = [this](const std::string& job, const Lost& loss) {
        seen_.lost.emplace_back(job, loss);
    };
    callbacks.on_agent_death = [this] { ++seen_.deaths; };
    auto client = AgentClient::start_or_adopt(event_, std::move(options), callbacks);
    if (!client) FAIL(client.error().message);
    client_ = std::move(*client);
    if (!hold_back) client_->ready();
}

std::vector<UniqueFd> TrackingNode::keep() const {
    std::vector<UniqueFd> kept;
    for (const int fd : latest_) kept.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    return kept;
}

JobCgroup TrackingNode::make_job(const std::string& name, bool bind) {
    auto job = JobCgroup::make(base_, name);
    if (!job) FAIL(job.error().message);
    jobs_.push_back(name);
    if (bind) {
        const auto bound = client_->bind(name, job->fd(), job->path(), {.journal = open_journal(name)});
        if (!bound) FAIL(bound.error().message);
    }
    return std::move(*job);
}

UniqueFd TrackingNode::open_journal(const std::string& name) const {
    UniqueFd file(open((directory_ / (name + ".events")).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    REQUIRE(file);
    return file;
}

std::vector<EventRecord> TrackingNode::events(const std::string& job) const {
    const UniqueFd file = open_journal(job);
    auto page = read_journal(file.get(), 0, kJournalMax / sizeof(EventRecord));
    REQUIRE(page);
    return std::move(page->records);
}

bool TrackingNode::run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!done()) {
        if (std::chrono::steady_clock::now() > end) return false;
        sd_event_run(event_, 20'000);
    }
    return true;
}

void TrackingNode::run_for(std::chrono::milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) sd_event_run(event_, 10'000);
}

JobSnapshot TrackingNode::snapshot(const std::string& job) {
    // shared: a callback that comes after a failed test finds its memory
    const auto answer = std::make_shared<std::optional<Outcome<JobSnapshot>>>();
    const auto asked =
        client_->snapshot(job, [answer](Outcome<JobSnapshot> result) { *answer = std::move(result); });
    if (!asked) FAIL(asked.error().message);
    REQUIRE(run_until([&] { return answer->has_value(); }));
    if (!**answer) FAIL((*answer)->error().message);
    return std::move(***answer);
}

JobSnapshot TrackingNode::settled(const std::string& job) {
    JobSnapshot last;
    CHECK(run_until([&] {
        last = snapshot(job);
        return last.counters.passed == last.counters.received + last.counters.lost;
    }));
    return last;
}

pid_t spawn_in(const JobCgroup& cgroup, const std::function<int()>& body) {
    clone_args arguments{};
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.exit_signal = SIGCHLD;
    arguments.cgroup = static_cast<uint64_t>(cgroup.fd());
    const auto pid = static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof arguments));
    REQUIRE(pid >= 0);
    if (pid == 0) _exit(body());
    return pid;
}

int reap(pid_t pid) {
    int status = -1;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    return status;
}

size_t count_descriptors(pid_t pid) {
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/fd");
    return static_cast<size_t>(std::distance(begin(all), end(all)));
}

int run_storm(int count) {
    char name[] = "true";
    char* arguments[] = {name, nullptr};
    char* environment[] = {nullptr};
    for (int i = 0; i < count; ++i) {
        const pid_t pid = fork();
        if (pid < 0) return 1;
        if (pid == 0) {
            execve("/bin/true", arguments, environment);
            _exit(127);
        }
        int status = 0;
        if (waitpid(pid, &status, 0) != pid || status != 0) return 1;
    }
    return 0;
}

}  // namespace xos::test

#include "tests/unit/tracking/tracking_node.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace xos::test {
namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr uid_t kNobody = 65534;

}  // namespace

uint64_t SeenEvents::lost_messages(const std::string& job) const {
    uint64_t sum = 0;
    for (const auto& [name, loss] : lost)
        if (name == job) sum += loss.events;
    return sum;
}

TrackingNode::TrackingNode(int receive_buffer, bool use_filter)
    : receive_buffer_(receive_buffer), use_filter_(use_filter) {
    if (sd_event_new(&event_) < 0) give_up("cannot make an event loop");
    connect_client();
}

TrackingNode::~TrackingNode() {
    if (!client_) connect_client();
    client_->stop();
    client_.reset();
    sd_event_unref(event_);
}

void TrackingNode::connect_client(std::vector<UniqueFd> kept) {
    const char* program = std::getenv("XOS_AGENT");
    if (program == nullptr) give_up("XOS_AGENT does not name the agent's program");
    AgentOptions options{
        .socket_path = ground_.directory() / "agent",
        .program = {.path = program,
                    .uid = kNobody,
                    .gid = kNobody,
                    .cgroup = base().agent.get(),
                    .socket_directory = ground_.directory()},
        .receive_buffer = receive_buffer_,
        .use_filter = use_filter_,
        .pause_first = std::chrono::milliseconds(1),
        .pause_last = std::chrono::milliseconds(5),
        .kept = std::move(kept),
        .keep = [this](std::span<const int> fds, bool) { latest_.assign(fds.begin(), fds.end()); }};
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
    if (!client) give_up(client.error().message);
    client_ = std::move(*client);
    if (!hold_back) client_->ready();
}

std::vector<UniqueFd> TrackingNode::keep() const {
    std::vector<UniqueFd> kept;
    for (const int fd : latest_) kept.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    return kept;
}

UniqueFd TrackingNode::open_journal(const std::string& job) const {
    const auto path = ground_.directory() / (job + ".events");
    UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file) give_up("cannot open " + path.string());
    return file;
}

std::vector<EventRecord> TrackingNode::events(const std::string& job) const {
    auto page = read_journal(open_journal(job).get(), 0, kJournalMax / sizeof(EventRecord));
    if (!page) give_up("the journal of " + job + " cannot be read");
    return std::move(page->records);
}

JobCgroup TrackingNode::make_job(const std::string& name, bool bind) {
    JobCgroup job = ground_.make_cgroup(name);
    if (bind) {
        const auto bound = client_->bind(name, job.fd(), job.path(), {.journal = open_journal(name)});
        if (!bound) give_up(bound.error().message);
    }
    return job;
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
    if (!asked) give_up(asked.error().message);
    if (!run_until([&] { return answer->has_value(); })) give_up("the agent gives no snapshot of " + job);
    if (!**answer) give_up((*answer)->error().message);
    return std::move(***answer);
}

JobSnapshot TrackingNode::settled(const std::string& job) {
    JobSnapshot last;
    if (!run_until([&] {
            last = snapshot(job);
            return last.counters.passed == last.counters.received + last.counters.lost;
        }))
        give_up(job + ": what passed does not become what was received or lost");
    return last;
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

#include "tests/unit/job/job_node.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "common/policy/policy_file.h"
#include "xosd/container/pidfd.h"
#include "xosd/session/home_directory.h"
#include "xosd/tracking/proc_connector_socket.h"

namespace xos::test {
namespace {

namespace fs = std::filesystem;
constexpr uid_t kNobody = 65534;

// A driver that restores by starting anew and dumps nothing: what is tried here is who waits for whom.
class PlainCheckpointer final : public Checkpointer {
  public:
    PlainCheckpointer(fs::path gate, std::string loader)
        : gate_(std::move(gate)), loader_(std::move(loader)) {}
    std::string name() const override { return "plain"; }
    Outcome<void> probe() const override { return {}; }
    Outcome<void> preflight(const DumpRequest&) const override { return {}; }
    Outcome<Operation> start_dump(const DumpRequest& request) const override {
        const int keep[] = {request.cgroup_fd};
        return begin_operation(
            "checkpoint", std::chrono::seconds(30), keep, [&]() -> Outcome<OperationResult> {
                while (!fs::exists(gate_)) usleep(10'000);
                const fs::path generation = fs::path(request.directory) / std::to_string(request.generation);
                fs::create_directories(generation);
                std::ofstream(generation / "manifest.json") << "{}";
                if (!request.keep_running) {
                    const UniqueFd kill_file(openat(request.cgroup_fd, "cgroup.kill", O_WRONLY | O_CLOEXEC));
                    if (write(kill_file.get(), "1", 1) != 1) return failure_errno(errno, "cannot kill");
                }
                return OperationResult{"2 " + std::string(64, 'd'), {}};
            });
    }
    Outcome<Operation> start_restore(const RestoreRequest& request) const override {
        ContainerSpec spec;
        spec.job = request.job;
        spec.uid = spec.gid = request.uid;
        spec.inner_root = request.inner_root;
        spec.home = spec.directory = request.home;
        spec.argv = {"/bin/sleep", "100"};
        spec.layer = request.layer;
        spec.cgroup_fd = request.cgroup_fd;
        spec.output = request.home + "/restored.out";
        spec.loader = loader_;
        spec.grace = std::chrono::seconds(1);
        return begin_start(spec);
    }

  private:
    fs::path gate_;
    std::string loader_;
};

std::string why_not() {
    if (geteuid() != 0) return "needs root";
    if (const auto top = open_cgroup("/"); !top) return top.error().message;
    const auto socket = open_proc_connector(nullptr, 4096);
    if (!socket) return socket.error().message;
    ignore_proc_connector(socket->get());
    return {};
}

}  // namespace

void require_job_node() {
    const std::string reason = why_not();
    if (reason.empty()) return;
    const char* must_run = std::getenv("XOS_TESTS_MUST_RUN");
    if (must_run != nullptr && std::string_view(must_run) == "1") FAIL("cannot run here: " << reason);
    SKIP("cannot run here: " << reason);
}

JobNode::JobNode() {
    require_job_node();
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    char name[] = "/tmp/xos-job-XXXXXX";
    base = mkdtemp(name);
    fs::permissions(base, fs::perms(0755));
    for (const char* directory : {"jobs", "checkpoints", "resource", "events"})
        fs::create_directory(base / directory);
    config.home_root = base / "homes";
    config.policy = must(parse_policy("- {allow: all}", "node policy"));
    REQUIRE(trust.apply(physics.seal(), physics.fingerprint()));
    REQUIRE(make_home({config.home_root, "physics", "user1", uid, uid}));
    sessions = std::make_unique<SessionStore>(database, loop);
    REQUIRE(sessions->load());
    LoginSession login;
    login.login = "user1@physics";
    login.uid = uid;
    login.service = "sshd";
    login.serial = "4a05";
    login.expires = now_seconds() + std::chrono::hours(1);
    login.chain = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
    session = must(sessions->open(std::move(login), getpid(), UniqueFd(pidfd_open(getpid(), 0))));
    make_cgroups();
    open_gate();
    start_service();
}

JobNode::~JobNode() {
    service_.reset();
    JobPlaces places = make_places();
    AgentOptions agent = std::move(*places.agent);
    agent.program.cgroup = places.cgroups->agent.get();
    if (auto client = AgentClient::start_or_adopt(
            loop.get(), std::move(agent), {[](auto&&...) {}, [](auto&&...) {}, [](auto&&...) {}, [] {}}))
        (*client)->stop();
    remove_cgroups();
    std::error_code error;
    fs::remove_all(base, error);
}

void JobNode::make_cgroups() {
    cgroup_name_ = "xos-job-test-" + base.string().substr(base.string().size() - 6);
    auto top = open_cgroup("/");
    REQUIRE(top);
    for (const char* part : {"", "/jobs", "/agent"})
        REQUIRE(mkdirat(top->get(), (cgroup_name_ + part).c_str(), 0755) == 0);
}

void JobNode::remove_cgroups() {
    const auto top = open_cgroup("/");
    const UniqueFd kill_file(
        openat(top->get(), (cgroup_name_ + "/cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC));
    (void)!write(kill_file.get(), "1", 1);
    const CgroupBase cgroups = std::move(*make_places().cgroups);
    for (uint64_t id = 1; id < 20; ++id)
        if (auto job = JobCgroup::open(cgroups, job_name(id));
            job && job->wait_empty(std::chrono::seconds(5)))
            (void)job->remove();
    while (waitpid(-1, nullptr, 0) > 0) {  // all were killed
    }
    for (const char* part : {"/jobs", "/agent", ""})
        unlinkat(top->get(), (cgroup_name_ + part).c_str(), AT_REMOVEDIR);
}

JobPlaces JobNode::make_places() {
    CgroupBase cgroups;
    const auto top = open_cgroup("/");
    cgroups.jobs.reset(
        openat(top->get(), (cgroup_name_ + "/jobs").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    cgroups.agent.reset(
        openat(top->get(), (cgroup_name_ + "/agent").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    cgroups.jobs_path = "/" + cgroup_name_ + "/jobs";
    const std::string loader = std::getenv("XOS_LOADER");
    return {.layers = base / "jobs",
            .checkpoints = base / "checkpoints",
            .resources = base / "resource",
            .events = base / "events",
            .loader = loader,
            .cgroups = std::move(cgroups),
            .agent = AgentOptions{.socket_path = base / "agent",
                                  .program = {.path = std::getenv("XOS_AGENT"),
                                              .uid = kNobody,
                                              .gid = kNobody,
                                              .socket_directory = base},
                                  .receive_buffer = 1 << 20},
            .checkpointer = std::make_unique<PlainCheckpointer>(base / "gate", loader),
            .grace = grace};
}

void JobNode::start_service() {
    service_.reset();
    auto started = JobService::start({loop, database, config, trust, *sessions}, make_places());
    if (!started) FAIL(started.error().message);
    service_ = *std::move(started);
    service_->agent().ready();
}

bool JobNode::run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!done()) {
        if (std::chrono::steady_clock::now() > end) return false;
        sd_event_run(loop.get(), 20'000);
    }
    return true;
}

Json JobNode::request(const std::string& script) {
    return JsonObject()
        .set("mode", Json::string("batch"))
        .set("argv", Json::strings({"/bin/sh", "-c", script}))
        .set("environment", Json::strings({"PATH=/usr/bin:/bin"}))
        .set("directory", Json::string("/"))
        .build();
}

namespace {

// The answer that ask's callback gets, by running the node's loop.
template <typename T, typename Ask>
Outcome<T> answer_of(JobNode& node, Ask ask) {
    const auto answer = std::make_shared<std::optional<Outcome<T>>>();
    ask([answer](Outcome<T> given) { *answer = std::move(given); });
    REQUIRE(node.run_until([&] { return answer->has_value(); }));
    return std::move(**answer);
}

}  // namespace

Outcome<Job> JobNode::run(const std::string& script) {
    return answer_of<Job>(*this, [&](auto done) { service_->run(uid, request(script), done); });
}
Outcome<Job> JobNode::wait(uint64_t id) {
    return answer_of<Job>(*this, [&](auto done) { service_->wait(uid, id, done); });
}
Outcome<Job> JobNode::cancel(uint64_t id, bool now) {
    return answer_of<Job>(*this, [&](auto done) { service_->cancel(uid, id, now, done); });
}
Outcome<Job> JobNode::restart(uint64_t id) {
    return answer_of<Job>(*this, [&](auto done) { service_->restart(uid, id, 0, done); });
}
Outcome<uint64_t> JobNode::checkpoint(uint64_t id, bool stop) {
    return answer_of<uint64_t>(*this, [&](auto done) {
        service_->checkpoint(uid, id, stop, [done](const Outcome<Checkpoint>& made, uint64_t generation) {
            done(made ? Outcome<uint64_t>(generation) : std::unexpected(made.error()));
        });
    });
}

void JobNode::open_gate() const {
    std::ofstream(base / "gate").flush();
}
void JobNode::close_gate() const {
    fs::remove(base / "gate");
}

bool JobNode::is_populated(uint64_t id) const {
    CgroupBase cgroups;
    const auto top = open_cgroup("/");
    cgroups.jobs.reset(
        openat(top->get(), (cgroup_name_ + "/jobs").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const auto job = JobCgroup::open(cgroups, job_name(id));
    return job && job->populated().value_or(true);
}

}  // namespace xos::test

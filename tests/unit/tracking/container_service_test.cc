#include "xosd/tracking/container_service.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>

#include "tests/unit/tracking/require_kernel.h"
#include "tests/unit/tracking/tracking_node.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// A piece of the v2 tree that stands for the machine's, and a service that looks after it.
class Machine {
  public:
    Machine() {
        static int number = 0;
        require_kernel();
        node_.emplace();
        root_ = "/xos-containers-" + std::to_string(getpid()) + "-" + std::to_string(++number);
        auto top = open_cgroup("/");
        REQUIRE(top);
        top_ = *std::move(top);
        make("");
        auto loop = EventLoop::create();
        auto database = Database::open(":memory:");
        REQUIRE(loop);
        REQUIRE(database);
        loop_.emplace(*std::move(loop));
        database_.emplace(*std::move(database));
    }
    ~Machine() {
        service_.reset();
        if (auto all = JobCgroup::open(CgroupParent{top_.get(), ""}, root_.substr(1)); all) {
            (void)all->kill();
            (void)all->wait_empty(std::chrono::seconds(10));
            (void)all->remove();
        }
    }

    std::string path(const std::string& below) const { return root_ + below; }
    void make(const std::string& below) const {
        REQUIRE(mkdirat(top_.get(), path(below).substr(1).c_str(), 0755) == 0);
    }
    void remove(const std::string& below) const {
        REQUIRE(unlinkat(top_.get(), path(below).substr(1).c_str(), AT_REMOVEDIR) == 0);
    }
    // A process that sleeps in the cgroup.
    pid_t run_in(const std::string& below) const {
        const size_t slash = path(below).rfind('/');
        const auto parent = open_cgroup(path(below).substr(0, slash));
        REQUIRE(parent);
        const auto cgroup = JobCgroup::open(CgroupParent{parent->get(), path(below).substr(0, slash)},
                                            path(below).substr(slash + 1));
        REQUIRE(cgroup);
        return spawn_in(*cgroup, [] {
            for (;;) pause();
            return 0;
        });
    }
    void start(std::vector<std::string> patterns = {}) {
        for (std::string& pattern : patterns) pattern.insert(0, root_);
        service_.reset();
        auto service = ContainerService::start(
            {*loop_, *database_, client(), node_->base().path(), [this] { return others_; }}, patterns);
        if (!service) FAIL(service.error().message);
        service_ = *std::move(service);
    }
    void set_patterns(std::vector<std::string> patterns) {
        for (std::string& pattern : patterns) pattern.insert(0, root_);
        service_->set_patterns(patterns);
    }
    void stop() { service_.reset(); }
    // False: it did not come about in a minute.
    bool run_until(const std::function<bool()>& done) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
        while (!done()) {
            if (std::chrono::steady_clock::now() > end) return false;
            sd_event_run(node_->event(), 1'000);
            sd_event_run(loop_->get(), 1'000);
        }
        return true;
    }
    // Handles what is there to be handled.
    void settle() {
        while (sd_event_run(loop_->get(), 50'000) > 0) {
        }
    }
    bool is_bound(const std::string& name) { return std::ranges::contains(client().bound_jobs(), name); }
    bool has_path(const std::string& below) {
        return std::ranges::any_of(service_->all(),
                                   [&](const auto& one) { return one.second.cgroup == path(below); });
    }
    std::vector<pid_t> pids(const std::string& name) {
        std::vector<pid_t> found;
        for (const ProcessInfo& process : node_->snapshot(name).processes) found.push_back(process.pid);
        return found;
    }
    Errc refusal(const std::string& below, const std::string& name = {}) {
        const auto added = service_->add(path(below), name);
        return added ? Errc{} : added.error().code;
    }

    ContainerService& service() { return *service_; }
    AgentClient& client() { return node_->client(); }
    TrackingNode& node() { return *node_; }
    std::vector<BoundCgroup>& others() { return others_; }

  private:
    std::optional<TrackingNode> node_;
    std::string root_;
    UniqueFd top_;
    std::optional<EventLoop> loop_;
    std::optional<Database> database_;
    std::vector<BoundCgroup> others_;
    std::unique_ptr<ContainerService> service_;
};

size_t open_files() {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

}  // namespace

TEST_CASE("containers that match a pattern are bound as they appear, and unbound when they are gone") {
    Machine machine;
    machine.make("/machine.slice");
    machine.make("/machine.slice/machine-old.scope");
    const pid_t old = machine.run_in("/machine.slice/machine-old.scope");
    machine.start({"/machine.slice/machine-*.scope", "/lxc.payload.*", "/slurm/job_*/step_*"});
    CHECK(machine.service().all().size() == 1);
    CHECK(machine.pids("machine-old") == std::vector<pid_t>{old});
    machine.make("/lxc.payload.web");
    machine.make("/lxc.monitor.web");
    machine.make("/slurm");
    machine.make("/slurm/job_7");
    machine.make("/slurm/job_7/step_0");  // before anybody can have watched what it is in
    machine.make("/slurm/job_7/step_0/user");
    REQUIRE(machine.run_until([&] { return machine.service().all().size() == 3; }));
    CHECK(machine.is_bound("lxc.payload.web"));
    CHECK(machine.is_bound("job_7-step_0"));
    CHECK(machine.service().all().at("job_7-step_0").pattern.ends_with("/slurm/job_*/step_*"));
    const pid_t step = machine.run_in("/slurm/job_7/step_0/user");
    CHECK(machine.pids("job_7-step_0") == std::vector<pid_t>{step});
    kill(step, SIGKILL);
    reap(step);
    REQUIRE(machine.run_until([&] { return machine.pids("job_7-step_0").empty(); }));
    machine.remove("/slurm/job_7/step_0/user");
    machine.remove("/slurm/job_7/step_0");
    machine.remove("/slurm/job_7");
    REQUIRE(machine.run_until([&] { return machine.service().all().size() == 2; }));
    CHECK_FALSE(machine.is_bound("job_7-step_0"));
    machine.make("/slurm/job_7");
    machine.make("/slurm/job_7/step_0");
    REQUIRE(machine.run_until([&] { return machine.is_bound("job_7-step_0"); }));
    kill(old, SIGKILL);
    reap(old);
}

TEST_CASE("a cgroup that is made anew under its name is another container") {
    Machine machine;
    machine.start({"/c-*"});
    machine.make("/c-1");
    REQUIRE(machine.run_until([&] { return machine.is_bound("c-1"); }));
    const uint64_t before = machine.service().all().at("c-1").cgroup_id;
    machine.remove("/c-1");
    machine.make("/c-1");  // both before the service hears of it
    REQUIRE(machine.run_until([&] { return machine.service().all().at("c-1").cgroup_id != before; }));
    const pid_t pid = machine.run_in("/c-1");
    CHECK(machine.pids("c-1") == std::vector<pid_t>{pid});
    kill(pid, SIGKILL);
    reap(pid);
}

TEST_CASE("one that is added is bound with all that runs in it, once") {
    Machine machine;
    machine.start();
    machine.make("/box");
    machine.make("/box/inner");
    const std::vector<pid_t> running{machine.run_in("/box"), machine.run_in("/box/inner")};
    const auto added = machine.service().add(machine.path("/box"), "web");
    REQUIRE(added);
    CHECK(machine.pids("web") == running);
    CHECK(machine.refusal("/box") == Errc::exists);
    CHECK(machine.refusal("/box", "other") == Errc::exists);
    CHECK(machine.refusal("/box/inner") == Errc::conflict);
    CHECK_THAT(machine.service().add(machine.path("/box/inner"), "").error().message,
               ContainsSubstring("as web"));
    CHECK(machine.refusal("") == Errc::conflict);
    CHECK(machine.refusal("/nothing") == Errc::not_found);
    machine.make("/next");
    CHECK(machine.refusal("/next", "web") == Errc::conflict);
    CHECK(machine.refusal("/next", "job-7") == Errc::invalid);
    machine.others() = {{"session-3", machine.path("/next/scope")}};
    CHECK(machine.refusal("/next") == Errc::conflict);
    machine.others().clear();
    REQUIRE(machine.service().add(machine.path("/next"), ""));
    CHECK(machine.is_bound("next"));
    REQUIRE(machine.service().remove("web"));
    CHECK_FALSE(machine.is_bound("web"));
    CHECK(machine.service().remove("web").error().code == Errc::not_found);
    for (const pid_t pid : running) {
        kill(pid, SIGKILL);
        reap(pid);
    }
}

TEST_CASE("what the daemon made itself is not tracked twice") {
    Machine machine;
    machine.start();
    const JobCgroup job = machine.node().make_job("job-9");
    const auto added = machine.service().add(job.path(), "mine");
    REQUIRE_FALSE(added);
    CHECK(added.error().code == Errc::conflict);
    CHECK_THAT(added.error().message, ContainsSubstring("xosd's own"));
}

TEST_CASE("a container is found by its id, where only one cgroup is named after it") {
    Machine machine;
    machine.start();
    const std::string id = "feed" + std::to_string(getpid()) + std::string(48, '0');
    machine.make("/machine.slice");
    machine.make("/machine.slice/libpod-" + id + ".scope");
    std::optional<Outcome<TrackedContainer>> answer;
    const auto ask = [&](const std::string& wanted) {
        answer.reset();
        machine.service().add_by_id(wanted, "",
                                    [&](Outcome<TrackedContainer> added) { answer = std::move(added); });
        REQUIRE(machine.run_until([&] { return answer.has_value(); }));
    };
    ask(id.substr(0, 12));
    if (!*answer) FAIL(answer->error().message);
    CHECK((*answer)->cgroup == machine.path("/machine.slice/libpod-" + id + ".scope"));
    CHECK((*answer)->name.starts_with("libpod-feed"));
    machine.make("/docker-" + id + ".scope");
    ask(id);
    REQUIRE_FALSE(*answer);
    CHECK(answer->error().code == Errc::conflict);
    CHECK_THAT(answer->error().message, ContainsSubstring("/docker-" + id));
    ask("no-such-container");
    REQUIRE_FALSE(*answer);
    CHECK(answer->error().code == Errc::not_found);
}

TEST_CASE("containers outlive the daemon; those whose cgroup went meanwhile are let go") {
    Machine machine;
    machine.start({"/auto-*"});
    for (const char* below : {"/kept", "/gone", "/new", "/auto-1"}) machine.make(below);
    REQUIRE(machine.run_until([&] { return machine.is_bound("auto-1"); }));
    for (const char* name : {"kept", "gone", "new"})
        REQUIRE(machine.service().add(machine.path("/") + name, name));
    machine.stop();
    machine.remove("/gone");
    machine.remove("/new");
    machine.make("/new");
    machine.node().drop_client();
    machine.node().connect_client();
    REQUIRE(machine.client().bind("stray", open_cgroup(machine.path("/new"))->get(), machine.path("/new")));
    machine.start({"/auto-*"});
    CHECK(machine.is_bound("kept"));
    CHECK(machine.is_bound("auto-1"));
    for (const char* name : {"gone", "new", "stray"}) CHECK_FALSE(machine.is_bound(name));
    const pid_t pid = machine.run_in("/kept");
    CHECK(machine.pids("kept") == std::vector<pid_t>{pid});
    machine.start();  // without the pattern
    CHECK(machine.is_bound("kept"));
    CHECK_FALSE(machine.is_bound("auto-1"));
    kill(pid, SIGKILL);
    reap(pid);
}

TEST_CASE("what the configuration wants tracked is, and stays until it says otherwise") {
    Machine machine;
    machine.start();
    machine.make("/a-1");
    machine.make("/b-1");
    REQUIRE(machine.service().add(machine.path("/b-1"), "by-hand"));
    CHECK(machine.service().all().size() == 1);
    machine.set_patterns({"/a-*", "/b-*"});
    CHECK(machine.is_bound("a-1"));
    CHECK_FALSE(machine.is_bound("b-1"));
    CHECK(machine.service().remove("a-1").error().code == Errc::conflict);
    CHECK(machine.service().remove("by-hand").error().code == Errc::conflict);
    machine.set_patterns({"/a-?"});
    CHECK(machine.service().all().at("a-1").pattern.ends_with("/a-?"));
    CHECK(machine.service().remove("by-hand"));
    machine.set_patterns({});
    CHECK(machine.service().all().empty());
    machine.make("/a-2");
    machine.settle();
    CHECK(machine.service().all().empty());
}

TEST_CASE("events that the kernel dropped are made up for") {
    Machine machine;
    machine.start({"/c-*", "/d/e-*"});
    machine.make("/c-1");
    machine.make("/d");
    REQUIRE(machine.run_until([&] { return machine.is_bound("c-1"); }));
    // more than fs.inotify.max_queued_events, with nobody reading
    for (int i = 0; i < 9000; ++i) {
        machine.make("/x");
        machine.remove("/x");
    }
    machine.remove("/c-1");
    machine.make("/c-2");
    machine.make("/d/e-1");
    REQUIRE(machine.run_until(
        [&] { return machine.is_bound("c-2") && machine.is_bound("e-1") && !machine.is_bound("c-1"); }));
}

TEST_CASE("a thousand containers at one time, and no more; nothing of them is left") {
    Machine machine;
    machine.start({"/c-*"});
    const size_t before = open_files();
    for (size_t i = 0; i < kContainersMax + 2; ++i) machine.make("/c-" + std::to_string(i));
    REQUIRE(machine.run_until([&] { return machine.service().all().size() == kContainersMax; }));
    machine.settle();
    CHECK(machine.service().all().size() == kContainersMax);
    machine.make("/other");
    CHECK(machine.refusal("/other") == Errc::unavailable);
    machine.remove("/c-0");
    REQUIRE(machine.run_until([&] { return machine.has_path("/c-" + std::to_string(kContainersMax)); }));
    for (size_t i = 1; i < kContainersMax + 2; ++i) machine.remove("/c-" + std::to_string(i));
    REQUIRE(machine.run_until([&] { return machine.service().all().empty(); }));
    CHECK(machine.client().bound_jobs().empty());
    CHECK(open_files() <= before + 1);  // the loop's timer
}

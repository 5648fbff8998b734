// What processes do that naive trackers get wrong, each on the real kernel: connector_agent/process_tree.h.
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <set>
#include <thread>

#include "tests/unit/tracking/require_kernel.h"
#include "tests/unit/tracking/tracking_node.h"

using namespace xos;
using namespace xos::test;
using std::chrono::milliseconds;

namespace {

// Runs body as the job's main process, to its end and the end of all that it left. Its journal.
struct Story {
    explicit Story(TrackingNode& node, const std::string& name, const std::function<int()>& body)
        : job(node.make_job(name)) {
        main = spawn_in(job, body);
        REQUIRE(node.client().watch_main(name, main));
        status = reap(main);
        REQUIRE(node.run_until([&] { return node.seen().empty[name] > 0; }));
        REQUIRE(node.run_until([&] { return !node.seen().main_exits[name].empty(); }));
        snapshot = node.settled(name);
        events = node.events(name);
        CHECK(node.seen().lost.empty());
        CHECK(snapshot.counters.exit_codes_unknown == 0);
        CHECK(living_processes(snapshot.counters) == 0);
    }
    size_t count(ProcessEventKind kind) const {
        return static_cast<size_t>(std::ranges::count(events, kind, &EventRecord::kind));
    }
    const EventRecord* end_of(pid_t pid) const {
        const auto found = std::ranges::find_if(
            events, [&](const EventRecord& e) { return e.kind == ProcessEventKind::ended && e.pid == pid; });
        return found == events.end() ? nullptr : &*found;
    }
    JobCgroup job;
    pid_t main = 0;
    int status = 0;
    JobSnapshot snapshot;
    std::vector<EventRecord> events;
};

void* sleep_then_exit_group(void*) {
    usleep(50'000);
    _exit(9);
}

void* execute_true(void*) {
    char name[] = "true";
    char* arguments[] = {name, nullptr};
    execve("/bin/true", arguments, nullptr);
    _exit(127);
}

pid_t clone_flags(uint64_t flags) {
    clone_args arguments{};
    arguments.flags = flags;
    if ((flags & CLONE_PARENT) == 0) arguments.exit_signal = SIGCHLD;  // a brother has ours: clone(2)
    return static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof arguments));
}

int wait_all() {
    while (waitpid(-1, nullptr, 0) > 0) {
    }
    return 0;
}

}  // namespace

TEST_CASE("a leader that ends before its threads does not end the process") {
    require_kernel();
    TrackingNode node;
    const Story story(node, "leader", [] {
        pthread_t thread{};
        pthread_create(&thread, nullptr, sleep_then_exit_group, nullptr);
        syscall(SYS_exit, 5);  // of this thread alone
        return 1;
    });
    CHECK(story.status == 9 << 8);
    CHECK(node.seen().main_exits["leader"].back() == story.status);
    CHECK(story.snapshot.counters.exits == 1);
}

TEST_CASE("a thread that executes another program is the process from then on") {
    require_kernel();
    TrackingNode node;
    const Story story(node, "exec", [] {
        pthread_t thread{};
        pthread_create(&thread, nullptr, execute_true, nullptr);
        return wait_for_signal();
    });
    CHECK(story.status == 0);
    CHECK(story.snapshot.counters.exits == 1);
    CHECK(story.count(ProcessEventKind::execed) == 1);
    REQUIRE(story.end_of(story.main) != nullptr);
    CHECK(comm_of(*story.end_of(story.main)) == "true");
}

TEST_CASE("a hundred threads are one process") {
    require_kernel();
    TrackingNode node;
    const Story story(node, "threads", [] {
        std::vector<std::thread> threads;
        for (int i = 0; i < 100; ++i) threads.emplace_back([] { usleep(20'000); });
        for (std::thread& thread : threads) thread.join();
        return 3;
    });
    CHECK(story.snapshot.counters.exits == 1);
    CHECK(story.snapshot.counters.peak == 1);
    CHECK(story.end_of(story.main)->status == 3 << 8);
}

TEST_CASE("vfork, a parent by choice, a double fork with a session of its own, a subreaper") {
    require_kernel();
    TrackingNode node;
    const Story vforked(node, "vfork", [] {
        const pid_t child = vfork();
        if (child == 0) _exit(4);
        return wait_all();
    });
    CHECK(vforked.snapshot.counters.forks == 1);
    CHECK(vforked.snapshot.counters.exits == 2);
    const Story adopted(node, "parent", [] {
        if (fork() == 0) {
            // its brother, not its child
            if (clone_flags(CLONE_PARENT) == 0) _exit(6);
            _exit(0);
        }
        return wait_all();
    });
    CHECK(adopted.snapshot.counters.forks == 2);
    CHECK(std::ranges::count_if(adopted.events, [](const EventRecord& e) {
              return e.kind == ProcessEventKind::ended && e.status == 6 << 8;
          }) == 1);
    const Story daemon(node, "daemon", [] {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        if (fork() == 0) {
            setsid();
            if (fork() == 0) {
                usleep(20'000);
                _exit(7);
            }
            _exit(0);
        }
        return wait_all();
    });
    CHECK(daemon.snapshot.counters.forks == 2);
    CHECK(daemon.count(ProcessEventKind::session) == 1);
    CHECK(daemon.snapshot.counters.peak >= 2);
}

TEST_CASE("a zombie has ended, with its status, although nobody waits for it") {
    require_kernel();
    TrackingNode node;
    const JobCgroup job = node.make_job("zombie");
    const pid_t parent = spawn_in(job, [] {
        if (fork() == 0) _exit(8);
        return wait_for_signal();
    });
    REQUIRE(node.client().watch_main("zombie", parent));
    REQUIRE(node.run_until([&] { return node.settled("zombie").counters.exits == 1; }));
    const JobSnapshot snapshot = node.snapshot("zombie");
    REQUIRE(snapshot.processes.size() == 1);
    CHECK(snapshot.processes[0].pid == parent);
    REQUIRE(job.kill());
    reap(parent);
}

TEST_CASE("user, group and name of a process, and that it dumps core") {
    require_kernel();
    TrackingNode node;
    const Story story(node, "changes", [] {
        if (setgid(65534) != 0 || setuid(65534) != 0) return 1;
        prctl(PR_SET_NAME, "renamed");
        raise(SIGQUIT);
        return 0;
    });
    CHECK(WTERMSIG(story.status) == SIGQUIT);
    const auto user = std::ranges::find(story.events, ProcessEventKind::user, &EventRecord::kind);
    REQUIRE(user != story.events.end());
    CHECK(user->value == (uint64_t{65534} << 32 | 65534));
    CHECK(story.count(ProcessEventKind::group) == 1);
    REQUIRE(story.count(ProcessEventKind::named) == 1);
    CHECK(comm_of(*std::ranges::find(story.events, ProcessEventKind::named, &EventRecord::kind)) ==
          "renamed");
    CHECK(story.count(ProcessEventKind::core) ==
          (WCOREDUMP(story.status) ? 1 : story.count(ProcessEventKind::core)));
    CHECK(story.end_of(story.main)->status == story.status);
}

TEST_CASE("pid namespaces three deep: both pids of each process, also of those that have ended") {
    require_kernel();
    TrackingNode node;
    const Story story(node, "nested", [] {
        for (int depth = 0; depth < 3; ++depth) {
            const pid_t child = clone_flags(CLONE_NEWPID);
            if (child < 0) return 1;
            if (child > 0) return wait_all();
        }
        return run_storm(2);
    });
    CHECK(story.status == 0);
    CHECK(story.snapshot.counters.forks == 5);
    std::multiset<int32_t> inside;
    for (const EventRecord& event : story.events)
        if (event.kind == ProcessEventKind::execed) inside.insert(event.container_pid);
    CHECK(inside == std::multiset<int32_t>{2, 3});
    for (const EventRecord& event : story.events)
        if (event.kind == ProcessEventKind::ended) CHECK(event.container_pid > 0);
}

TEST_CASE("processes in cgroups below are the job's") {
    require_kernel();
    TrackingNode node;
    const JobCgroup job = node.make_job("below");
    const pid_t pid = spawn_in(job, wait_for_signal);
    const auto inner = JobCgroup::make(CgroupParent{job.fd(), job.path()}, "inner");
    REQUIRE(inner);
    REQUIRE(inner->add(pid));
    const pid_t born = spawn_in(*inner, [] { return run_storm(3); });
    CHECK(reap(born) == 0);
    REQUIRE(node.run_until([&] { return node.settled("below").counters.forks == 3; }));
    const JobSnapshot snapshot = node.snapshot("below");
    REQUIRE(snapshot.processes.size() == 1);
    CHECK_FALSE(snapshot.processes[0].escaped);
    REQUIRE(job.kill());
    reap(pid);
}

// Who a process is, where its pid alone does not say it.
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "tests/unit/tracking/require_kernel.h"
#include "tests/unit/tracking/tracking_node.h"

using namespace xos;
using namespace xos::test;

TEST_CASE("a pid that is used again in another job is another process") {
    require_kernel();
    TrackingNode node;
    const JobCgroup first = node.make_job("first");
    const JobCgroup second = node.make_job("second");
    const pid_t pid = spawn_in(first, wait_for_signal);
    uint64_t identity = 0;
    REQUIRE(node.run_until([&] {
        const JobSnapshot snapshot = node.snapshot("first");
        if (snapshot.processes.empty() || !snapshot.processes[0].held) return false;
        identity = snapshot.processes[0].identity;
        return true;
    }));
    CHECK(identity != 0);
    const UniqueFd old(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    REQUIRE(kill(pid, SIGKILL) == 0);
    reap(pid);
    clone_args arguments{};
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.exit_signal = SIGCHLD;
    arguments.cgroup = static_cast<uint64_t>(second.fd());
    pid_t wanted = pid;
    arguments.set_tid = reinterpret_cast<uintptr_t>(&wanted);
    arguments.set_tid_size = 1;
    const auto again = static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof arguments));
    REQUIRE(again >= 0);
    if (again == 0) _exit(wait_for_signal());
    REQUIRE(again == pid);
    REQUIRE(node.run_until([&] {
        const JobSnapshot snapshot = node.snapshot("second");
        return snapshot.processes.size() == 1 && snapshot.processes[0].held;
    }));
    const JobSnapshot snapshot = node.snapshot("second");
    CHECK(snapshot.processes[0].pid == pid);
    CHECK(snapshot.processes[0].identity != identity);
    CHECK(node.snapshot("first").processes.empty());
    CHECK(node.run_until([&] { return node.settled("first").counters.exits == 1; }));
    // who holds the old one cannot hit the new one
    CHECK(syscall(SYS_pidfd_send_signal, old.get(), SIGKILL, nullptr, 0) == -1);
    CHECK(errno == ESRCH);
    CHECK(kill(again, 0) == 0);
    REQUIRE(second.kill());
    reap(again);
}

TEST_CASE("a container that runs already is known whole at once, and a job without a process is empty") {
    require_kernel();
    TrackingNode node;
    const JobCgroup job = node.make_job("running", false);
    std::vector<pid_t> pids;
    for (int i = 0; i < 20; ++i) pids.push_back(spawn_in(job, wait_for_signal));
    const pid_t storm = spawn_in(job, [] { return run_storm(200); });
    REQUIRE(node.client().bind("running", job.fd(), job.path()));
    CHECK(reap(storm) == 0);
    const JobSnapshot snapshot = node.settled("running");
    CHECK(snapshot.processes.size() == 20);
    for (const pid_t pid : pids) CHECK(std::ranges::count(snapshot.processes, pid, &ProcessInfo::pid) == 1);
    CHECK(snapshot.counters.exit_codes_unknown == 0);
    CHECK(living_processes(snapshot.counters) == 20);
    const JobCgroup nobody = node.make_job("nobody");
    CHECK(node.settled("nobody").processes.empty());
    REQUIRE(job.kill());
    for (const pid_t pid : pids) reap(pid);
    REQUIRE(node.run_until([&] { return node.settled("running").counters.exits >= 20; }));
}

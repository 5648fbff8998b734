#include "xosd/tracking/agent_client.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tests/unit/tracking/require_kernel.h"
#include "tests/unit/tracking/tracking_node.h"
#include "xosd/tracking/proc_connector_socket.h"

using namespace xos;
using namespace xos::test;
using std::chrono::milliseconds;

namespace {

const ProcessInfo* find_process(const JobSnapshot& snapshot, pid_t pid) {
    const auto found = std::ranges::find(snapshot.processes, pid, &ProcessInfo::pid);
    return found == snapshot.processes.end() ? nullptr : &*found;
}

}  // namespace

TEST_CASE("a storm of processes is counted exactly and leaves nothing") {
    require_kernel();
    TrackingNode node;
    REQUIRE(node.client().filtered());
    const JobCgroup job = node.make_job("storm");
    constexpr int kCount = 2000;
    const pid_t pid = spawn_in(job, [] { return run_storm(kCount); });
    REQUIRE(node.client().watch_main("storm", pid));
    CHECK(reap(pid) == 0);
    REQUIRE(node.run_until([&] { return node.seen().empty["storm"] > 0; }));
    const JobSnapshot after = node.settled("storm");
    CHECK(after.counters.forks == kCount);
    CHECK(after.counters.execs == kCount);
    CHECK(after.counters.exits == kCount + 1);
    CHECK(after.counters.exit_codes_unknown == 0);
    // the job's first process was made from outside: its fork is not the job's event
    CHECK(after.counters.passed == 3 * kCount + 1);
    CHECK(after.counters.lost == 0);
    CHECK(node.seen().lost.empty());
    REQUIRE(after.processes.size() == 1);
    CHECK(after.processes[0].pid == pid);
    CHECK(after.processes[0].state == 'X');
    CHECK(after.processes[0].exit_status == 0);
}

TEST_CASE("other listeners that come and go are no loss") {
    require_kernel();
    TrackingNode node;
    REQUIRE(node.client().filtered());
    const JobCgroup job = node.make_job("calm");
    // the agent compares its counts once a second
    const auto idle = [&](int ms) {
        const auto end = std::chrono::steady_clock::now() + milliseconds(ms);
        node.run_until([&] { return std::chrono::steady_clock::now() > end; });
    };
    idle(1500);
    for (int i = 0; i < 20; ++i) {  // each is answered with a message that takes a number of the sequence
        auto other = open_proc_connector(nullptr, 256 * 1024);
        REQUIRE(other);
        ignore_proc_connector(other->get());
    }
    idle(2500);
    const pid_t pid = spawn_in(job, [] { return run_storm(50); });
    REQUIRE(node.client().watch_main("calm", pid));
    CHECK(reap(pid) == 0);
    REQUIRE(node.run_until([&] { return node.seen().empty["calm"] > 0; }));
    CHECK(node.settled("calm").counters.lost == 0);
    CHECK(node.seen().lost.empty());
}

TEST_CASE("the main process's end is known, by exit and by signal") {
    require_kernel();
    TrackingNode node;
    const JobCgroup seven = node.make_job("seven");
    const JobCgroup killed = node.make_job("killed");
    const pid_t first = spawn_in(seven, [] { return 7; });
    // told only after it has ended: a job can be that short
    reap(first);
    node.run_for(milliseconds(50));
    REQUIRE(node.client().watch_main("seven", first));
    const pid_t second = spawn_in(killed, wait_for_signal);
    REQUIRE(node.client().watch_main("killed", second));
    REQUIRE(kill(second, SIGKILL) == 0);
    reap(second);
    REQUIRE(node.run_until([&] { return node.seen().main_exits.size() == 2; }));
    CHECK(node.seen().main_exits["seven"] == std::vector<std::optional<int>>{7 << 8});
    CHECK(node.seen().main_exits["killed"] == std::vector<std::optional<int>>{SIGKILL});
    CHECK(node.seen().lost.empty());
}

TEST_CASE("a daemon that forks twice is still the job's") {
    require_kernel();
    TrackingNode node;
    const JobCgroup job = node.make_job("daemon");
    const pid_t pid = spawn_in(job, [] {
        if (fork() > 0) return 0;
        setsid();
        if (fork() > 0) _exit(0);
        prctl(PR_SET_NAME, "hidden daemon)");
        return wait_for_signal();
    });
    reap(pid);
    JobSnapshot snapshot;
    REQUIRE(node.run_until([&] {
        snapshot = node.snapshot("daemon");
        return snapshot.processes.size() == 1 && snapshot.processes[0].comm == "hidden daemon)";
    }));
    const ProcessInfo daemon = snapshot.processes[0];
    CHECK(daemon.uid == 0);
    CHECK(daemon.state == 'S');
    CHECK_FALSE(daemon.escaped);
    CHECK(daemon.container_pid == daemon.pid);
    CHECK(daemon.start_time_us > 0);
    CHECK(node.seen().empty["daemon"] == 0);
    REQUIRE(job.kill());
    REQUIRE(node.run_until([&] { return node.seen().empty["daemon"] == 1; }));
    CHECK(node.settled("daemon").counters.forks == 2);
    const auto events = node.events("daemon");
    const auto end = std::ranges::find_if(events, [&](const EventRecord& e) {
        return e.kind == ProcessEventKind::ended && e.pid == daemon.pid;
    });
    REQUIRE(end != events.end());
    CHECK(end->status == SIGKILL);
}

TEST_CASE("what does not fit into the buffer is said, to the message, and the truth re-read") {
    require_kernel();
    TrackingNode node(64 * 1024);
    const JobCgroup job = node.make_job("flood");
    const pid_t agent = node.client().agent_pid();
    const pid_t stays = spawn_in(job, wait_for_signal);
    REQUIRE(node.run_until([&] { return find_process(node.snapshot("flood"), stays) != nullptr; }));
    REQUIRE(kill(agent, SIGSTOP) == 0);
    constexpr int kCount = 1000;
    const pid_t storm = spawn_in(job, [] { return run_storm(kCount); });
    CHECK(reap(storm) == 0);
    const pid_t late = spawn_in(job, wait_for_signal);
    REQUIRE(kill(agent, SIGCONT) == 0);
    REQUIRE(node.run_until([&] { return !node.seen().lost.empty(); }));
    const JobSnapshot after = node.settled("flood");
    // every event of the storm is either counted as seen or as lost
    CHECK(after.counters.passed == 3 * kCount + 1);
    CHECK(after.counters.lost > 0);
    CHECK(after.counters.received + after.counters.lost == 3 * kCount + 1);
    CHECK(node.seen().lost_messages("flood") == after.counters.lost);
    CHECK(after.counters.resyncs > 0);
    REQUIRE(node.run_until([&] { return node.snapshot("flood").processes.size() == 2; }));
    const JobSnapshot table = node.snapshot("flood");
    CHECK(find_process(table, stays) != nullptr);
    CHECK(find_process(table, late) != nullptr);
    CHECK(table.counters.forks + table.counters.adopted >= 3);
    REQUIRE(job.kill());
    reap(stays);
    reap(late);
}

TEST_CASE("a killed agent's successor goes on where it was, and says what it cannot know") {
    require_kernel();
    TrackingNode node;
    const JobCgroup job = node.make_job("heir");
    const pid_t stays = spawn_in(job, wait_for_signal);
    constexpr int kCount = 1500;
    const pid_t storm = spawn_in(job, [] { return run_storm(kCount); });
    REQUIRE(node.client().watch_main("heir", storm));
    node.run_for(milliseconds(50));
    for (int i = 1; i <= 2; ++i) {
        REQUIRE(kill(node.client().agent_pid(), SIGKILL) == 0);
        REQUIRE(node.run_until([&] { return node.seen().deaths == i; }));
        REQUIRE(node.run_until([&] { return node.client().agent_pid() != 0; }));
        node.run_for(milliseconds(30));
    }
    CHECK(reap(storm) == 0);
    REQUIRE(node.run_until([&] { return !node.seen().main_exits["heir"].empty(); }));
    CHECK(node.seen().main_exits["heir"].back() == 0);
    const JobSnapshot after = node.settled("heir");
    CHECK(after.counters.passed == 3 * kCount + 1);
    CHECK(after.counters.received + after.counters.lost == after.counters.passed);
    // messages that the dead agents had taken lie in the memory that outlived them
    CHECK(after.counters.lost == 0);
    CHECK(find_process(after, stays) != nullptr);
    CHECK(std::ranges::count_if(after.processes, [](const ProcessInfo& p) { return p.state != 'X'; }) == 1);
    REQUIRE(job.kill());
    reap(stays);
}

TEST_CASE("a new xosd adopts the agent and what happened meanwhile") {
    require_kernel();
    TrackingNode node;
    const JobCgroup job = node.make_job("kept");
    const pid_t stays = spawn_in(job, wait_for_signal);
    int gate[2];
    REQUIRE(pipe2(gate, O_CLOEXEC) == 0);
    const pid_t main = spawn_in(job, [&gate] {
        char go = 0;
        return read(gate[0], &go, 1) == 1 ? 3 : 4;
    });
    REQUIRE(node.client().watch_main("kept", main));
    node.run_for(milliseconds(50));
    const pid_t agent = node.client().agent_pid();
    node.drop_client();
    REQUIRE(write(gate[1], "", 1) == 1);
    CHECK(reap(main) == 3 << 8);
    close(gate[0]);
    close(gate[1]);
    usleep(50'000);
    node.connect_client();
    CHECK(node.client().agent_pid() == agent);
    CHECK(node.client().bound_jobs() == std::vector<std::string>{"kept"});
    REQUIRE(node.run_until([&] { return !node.seen().main_exits["kept"].empty(); }));
    CHECK(node.seen().main_exits["kept"].back() == 3 << 8);
    CHECK(node.seen().lost.empty());
    // the adopted descriptors serve: bind, unbind, a successor
    const JobCgroup other = node.make_job("other");
    const pid_t one = spawn_in(other, [] { return 1; });
    REQUIRE(node.client().watch_main("other", one));
    reap(one);
    REQUIRE(node.run_until([&] { return !node.seen().main_exits["other"].empty(); }));
    REQUIRE(node.client().unbind("other"));
    REQUIRE(kill(agent, SIGKILL) == 0);
    REQUIRE(node.run_until([&] { return node.seen().deaths == 1 && node.client().agent_pid() != 0; }));
    CHECK(find_process(node.snapshot("kept"), stays) != nullptr);
    REQUIRE(job.kill());
    reap(stays);
}

TEST_CASE("foreign events never reach user space, and an escape is seen") {
    require_kernel();
    TrackingNode node;
    const JobCgroup job = node.make_job("mine");
    const JobCgroup foreign = node.make_job("foreign", false);
    const pid_t mover = spawn_in(job, wait_for_signal);
    REQUIRE(node.run_until([&] { return find_process(node.snapshot("mine"), mover) != nullptr; }));
    const TrackingCounters before = node.settled("mine").counters;
    const pid_t storm = spawn_in(foreign, [] { return run_storm(300); });
    CHECK(reap(storm) == 0);
    const TrackingCounters after = node.settled("mine").counters;
    CHECK(after.passed == before.passed);
    CHECK(after.received == before.received);
    REQUIRE(foreign.add(mover));
    REQUIRE(node.run_until([&] {
        const JobSnapshot snapshot = node.snapshot("mine");
        const ProcessInfo* process = find_process(snapshot, mover);
        return process != nullptr && process->escaped;
    }));
    REQUIRE(kill(mover, SIGKILL) == 0);
    reap(mover);
    // no event tells of it: its pidfd does, from Linux 6.15 on with the status
    REQUIRE(node.run_until([&] { return living_processes(node.snapshot("mine").counters) == 0; }));
    const auto events = node.events("mine");
    CHECK(std::ranges::count(events, ProcessEventKind::escaped, &EventRecord::kind) == 1);
    const auto end = std::ranges::find(events, ProcessEventKind::ended, &EventRecord::kind);
    REQUIRE(end != events.end());
    if ((end->flags & kStatusUnknown) == 0)
        CHECK(end->status == SIGKILL);
    else
        CHECK(node.seen().lost.back().second.exit_codes_unknown == 1);
}

TEST_CASE("without BPF the agent tells the bindings apart itself") {
    require_kernel();
    TrackingNode node(16 * 1024 * 1024, false);
    REQUIRE_FALSE(node.client().filtered());
    const JobCgroup job = node.make_job("plain");
    const pid_t main = spawn_in(job, [] {
        raise(SIGSTOP);
        run_storm(100);
        return 9;
    });
    REQUIRE(node.client().watch_main("plain", main));
    REQUIRE(node.run_until([&] {
        const JobSnapshot snapshot = node.snapshot("plain");
        const ProcessInfo* process = find_process(snapshot, main);
        return process != nullptr && process->state == 'T';
    }));
    REQUIRE(kill(main, SIGCONT) == 0);
    reap(main);
    REQUIRE(node.run_until(
        [&] { return !node.seen().main_exits["plain"].empty() && node.seen().empty["plain"] > 0; }));
    CHECK(node.seen().main_exits["plain"].back() == 9 << 8);
    const JobSnapshot after = node.snapshot("plain");
    CHECK_FALSE(after.counters.exact);
    // here every event of the machine is seen, also the fork that made the job's first process
    CHECK(after.counters.forks == 101);
    CHECK(after.counters.exits == 101);
}

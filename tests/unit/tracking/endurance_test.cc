// What tracking has to live through: killed and stopped programs, full buffers, many bindings.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tests/unit/tracking/require_kernel.h"
#include "tests/unit/tracking/tracking_node.h"

using namespace xos;
using namespace xos::test;
using std::chrono::milliseconds;

namespace {

// Everything of the journal that is told twice, or ends without having begun.
void check_journal(const std::vector<EventRecord>& events, size_t processes) {
    std::map<pid_t, int> alive;
    size_t ends = 0;
    for (const EventRecord& event : events) {
        if (event.kind == ProcessEventKind::forked) CHECK(++alive[event.pid] == 1);
        if (event.kind == ProcessEventKind::ended) {
            ++ends;
            alive.erase(event.pid);
        }
    }
    CHECK(ends == processes);
}

}  // namespace

TEST_CASE("twenty agents are killed in a storm, and nothing is lost") {
    require_kernel();
    TrackingNode node;
    const JobCgroup job = node.make_job("killed");
    constexpr int kCount = 6000;
    const pid_t storm = spawn_in(job, [] { return run_storm(kCount); });
    REQUIRE(node.client().watch_main("killed", storm));
    for (int i = 1; i <= 20; ++i) {
        REQUIRE(node.run_until([&] { return node.client().agent_pid() != 0; }));
        node.run_for(milliseconds(20 + i % 7));
        REQUIRE(kill(node.client().agent_pid(), SIGKILL) == 0);
        REQUIRE(node.run_until([&] { return node.seen().deaths == i; }));
    }
    CHECK(reap(storm) == 0);
    REQUIRE(node.run_until([&] { return !node.seen().main_exits["killed"].empty(); }));
    CHECK(node.seen().main_exits["killed"].back() == 0);
    const JobSnapshot after = node.settled("killed");
    CHECK(after.counters.passed == 3 * kCount + 1);
    CHECK(after.counters.received == 3 * kCount + 1);
    CHECK(after.counters.lost == 0);
    CHECK(after.counters.forks == kCount);
    CHECK(after.counters.execs == kCount);
    CHECK(after.counters.exits == kCount + 1);
    CHECK(after.counters.exit_codes_unknown == 0);
    CHECK(total_processes(after.counters) == kCount + 1);
    CHECK(node.seen().lost.empty());
    check_journal(node.events("killed"), kCount + 1);
}

TEST_CASE("xosd and its agent are killed in a storm, and who kept their descriptors lost nothing") {
    require_kernel();
    TrackingNode node;
    const JobCgroup job = node.make_job("both");
    const JobCgroup gone = node.make_job("gone");
    constexpr int kCount = 2000;
    const pid_t storm = spawn_in(job, [] { return run_storm(kCount); });
    REQUIRE(node.client().watch_main("both", storm));
    node.hold_back = true;
    for (int i = 0; i < 5; ++i) {
        node.run_for(milliseconds(30));
        std::vector<UniqueFd> kept = node.keep();
        const pid_t agent = node.client().agent_pid();
        node.drop_client();
        REQUIRE(kill(agent, SIGKILL) == 0);
        reap(agent);
        usleep(30'000);
        node.connect_client(std::move(kept));
        CHECK(node.client().agent_pid() != agent);
        CHECK(node.client().bound_jobs().empty());
        // "gone" is not wanted any more, and must not keep its place
        REQUIRE(node.client().bind("both", job.fd(), job.path(), {.journal = node.open_journal("both")}));
        node.client().ready();
        REQUIRE(node.client().watch_main("both", storm));
    }
    CHECK(reap(storm) == 0);
    REQUIRE(node.run_until([&] { return !node.seen().main_exits["both"].empty(); }));
    CHECK(node.seen().main_exits["both"].back() == 0);
    const JobSnapshot after = node.settled("both");
    CHECK(after.counters.received == 3 * kCount + 1);
    CHECK(after.counters.lost == 0);
    CHECK(after.counters.forks == kCount);
    CHECK(after.counters.exits == kCount + 1);
    CHECK(after.counters.exit_codes_unknown == 0);
    check_journal(node.events("both"), kCount + 1);
    // without the descriptors what cannot be known is said to be unknown, and nothing is made up
    const pid_t agent = node.client().agent_pid();
    const pid_t stays = spawn_in(job, wait_for_signal);
    node.drop_client();
    REQUIRE(kill(agent, SIGKILL) == 0);
    reap(agent);
    node.connect_client();
    REQUIRE(node.client().bind("both", job.fd(), job.path(), {.journal = node.open_journal("both")}));
    node.client().ready();
    CHECK(node.settled("both").processes.size() == 1);
    CHECK(node.settled("both").counters.forks == 0);
    REQUIRE(job.kill());
    reap(stays);
}

TEST_CASE("an agent that stood still knows what it lost, to the message, and who lives") {
    require_kernel();
    TrackingNode node(1);  // the smallest buffer that the kernel gives
    const JobCgroup job = node.make_job("still");
    const pid_t agent = node.client().agent_pid();
    std::vector<pid_t> stay;
    for (int i = 0; i < 5; ++i) stay.push_back(spawn_in(job, wait_for_signal));
    REQUIRE(node.run_until([&] { return node.settled("still").processes.size() == 5; }));
    REQUIRE(kill(agent, SIGSTOP) == 0);
    constexpr int kCount = 1500;
    const pid_t storm = spawn_in(job, [] { return run_storm(kCount); });
    CHECK(reap(storm) == 0);
    REQUIRE(kill(stay.back(), SIGKILL) == 0);
    reap(stay.back());
    stay.pop_back();
    for (int i = 0; i < 3; ++i) stay.push_back(spawn_in(job, wait_for_signal));
    REQUIRE(kill(agent, SIGCONT) == 0);
    JobSnapshot after;
    REQUIRE(node.run_until([&] {
        after = node.settled("still");
        return after.counters.lost > 0 && after.processes.size() == stay.size();
    }));
    for (const pid_t pid : stay) CHECK(std::ranges::count(after.processes, pid, &ProcessInfo::pid) == 1);
    // the first five and the storm's own births are others' events; its children's, its end, a killed one are
    // not
    CHECK(after.counters.passed == 3 * kCount + 1 + 1);
    CHECK(after.counters.received + after.counters.lost == after.counters.passed);
    CHECK(node.seen().lost_messages("still") == after.counters.lost);
    // an end without an event is believed when the event has had its time to come
    CHECK(node.run_until([&] { return living_processes(node.settled("still").counters) == stay.size(); }));
    REQUIRE(job.kill());
    for (const pid_t pid : stay) reap(pid);
    // the doubt is over: what ends from here on is known again
    REQUIRE(node.run_until([&] { return living_processes(node.settled("still").counters) == 0; }));
}

TEST_CASE("two agents on one container see the same") {
    require_kernel();
    TrackingNode first, second;
    const JobCgroup job = first.make_job("shared");
    REQUIRE(second.client().bind("shared", job.fd(), job.path()));
    const pid_t storm = spawn_in(job, [] { return run_storm(300); });
    CHECK(reap(storm) == 0);
    for (TrackingNode* node : {&first, &second}) {
        REQUIRE(node->run_until([&] { return node->seen().empty["shared"] > 0; }));
        CHECK(node->settled("shared").counters.forks == 300);
        CHECK(node->settled("shared").counters.exits == 301);
        CHECK(node->seen().lost.empty());
    }
}

TEST_CASE("the truth is read again while a fork bomb goes off, and the bomb ends whole") {
    require_kernel();
    TrackingNode node;
    const JobCgroup job = node.make_job("bomb");
    const pid_t bomb = spawn_in(job, [] {
        const rlimit most{.rlim_cur = 150, .rlim_max = 150};
        if (setgid(64999) != 0 || setuid(64999) != 0 || setrlimit(RLIMIT_NPROC, &most) != 0) return 1;
        for (;;)
            if (fork() == 0) setsid();
    });
    uint64_t most = 0;
    REQUIRE(node.run_until([&] {
        most = std::max<uint64_t>(most, node.snapshot("bomb").processes.size());
        return most >= 100;
    }));
    for (int i = 0; i < 10; ++i) CHECK(node.snapshot("bomb").processes.size() <= 150);
    REQUIRE(job.kill());
    reap(bomb);
    REQUIRE(job.wait_empty(std::chrono::seconds(10)));
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    REQUIRE(node.run_until([&] { return living_processes(node.settled("bomb").counters) == 0; }));
    const TrackingCounters counters = node.settled("bomb").counters;
    CHECK(counters.exit_codes_unknown == 0);
    CHECK(counters.peak >= 100);
    CHECK(counters.peak <= 151);
}

TEST_CASE("a thousand bindings come and go without leaving anything") {
    require_kernel();
    TrackingNode node;
    const JobCgroup job = node.make_job("many", false);
    const auto rounds = [&](int count) {
        for (int i = 0; i < count; ++i) {
            const std::string name = "many-" + std::to_string(i);
            REQUIRE(node.client().bind(name, job.fd(), job.path()));
            if (i % 100 == 0) {
                const pid_t one = spawn_in(job, [] { return 0; });
                reap(one);
                REQUIRE(node.settled(name).counters.lost == 0);
            }
            REQUIRE(node.client().unbind(name));
            if (i % 10 == 0) node.run_for(milliseconds(0));
        }
        REQUIRE(node.client().bind("last", job.fd(), job.path()));
        CHECK(node.settled("last").processes.empty());
        REQUIRE(node.client().unbind("last"));
    };
    rounds(100);
    const size_t ours = count_descriptors(getpid());
    const size_t agents = count_descriptors(node.client().agent_pid());
    rounds(1000);
    CHECK(count_descriptors(getpid()) == ours);
    CHECK(count_descriptors(node.client().agent_pid()) <= agents);  // it may have held a process then
    CHECK(node.client().bound_jobs().empty());
    CHECK(node.seen().lost.empty());
}

// The end of a job: who is asked, who is killed, what was used.
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>

#include "tests/unit/job/job_node.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

// Both say "up" when the trap is set. The loops end with their shell: a sleep is ended by the same SIGTERM.
constexpr char kPolite[] =
    "trap 'echo asked; sleep 0.3; echo done; exit 7' TERM; echo up; while :; do sleep 0.05; done";
constexpr char kDeaf[] = "trap '' TERM; echo up; while :; do sleep 0.05; done";

struct Fixture : JobNode {
    std::string output(uint64_t id) const {
        std::ifstream stream(config.home_root + "/physics/user1/" + job_name(id) + ".out");
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    uint64_t start(const std::string& script) {
        const auto job = run("exec 2>/dev/null; " + script);  // a shell says there whose end it saw
        if (!job) FAIL(job.error().message);
        REQUIRE(run_until([&] { return output(job->id).contains("up\n"); }));
        return job->id;
    }
    void set_grace(std::chrono::milliseconds time) {
        grace = time;
        start_service();
    }
    // Asked for, not waited for.
    void begin_cancel(uint64_t id) {
        jobs().cancel(uid, id, false, [](const Outcome<Job>&) {});
    }
    void run_for(std::chrono::milliseconds time) {
        const auto end = std::chrono::steady_clock::now() + time;
        run_until([&] { return std::chrono::steady_clock::now() > end; });
    }
    Job ended(uint64_t id) {
        auto job = wait(id);
        REQUIRE(job);
        CHECK(job->state == JobState::ended);
        CHECK_FALSE(is_populated(id));
        return *std::move(job);
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a cancelled application says its last words and ends as it likes") {
    const uint64_t id = start(kPolite);
    REQUIRE(cancel(id));
    CHECK(ended(id).wait_status == 7 << 8);
    CHECK(record(id).reason == "cancelled");
    CHECK(output(id) == "up\nasked\ndone\n");
}

TEST_CASE_METHOD(Fixture, "who does not hear is killed after the grace") {
    const uint64_t id = start(kDeaf);
    const auto begun = std::chrono::steady_clock::now();
    REQUIRE(cancel(id));
    CHECK(std::chrono::steady_clock::now() - begun >= grace);
    CHECK(ended(id).wait_status == SIGKILL);
}

TEST_CASE_METHOD(Fixture, "or at once, where that is asked for") {
    set_grace(std::chrono::hours(1));
    const uint64_t id = start(kDeaf);
    SECTION("from the start") {}
    SECTION("when the grace took too long") {
        begin_cancel(id);
        run_for(std::chrono::milliseconds(200));
        CHECK(record(id).state == JobState::running);
    }
    REQUIRE(cancel(id, true));
    CHECK(ended(id).wait_status == SIGKILL);
}

TEST_CASE_METHOD(Fixture, "every process is asked, also what has left the application's group and session") {
    const uint64_t id = start(
        "(setsid sh -c 'trap \"echo daemon; exit\" TERM; echo up; while :; do sleep 0.05; done' &);"
        "trap 'sleep 0.5; exit 3' TERM; while :; do sleep 0.05; done");
    REQUIRE(cancel(id));
    CHECK(ended(id).wait_status == 3 << 8);
    CHECK_THAT(output(id), ContainsSubstring("daemon"));
}

TEST_CASE_METHOD(Fixture, "what an application leaves is asked when it ends") {
    const uint64_t id = start(
        "(setsid sh -c 'trap \"sleep 0.3; echo daemon; exit\" TERM; echo up; while :; do sleep 0.05; done' "
        "&);"
        "while ! grep -q up job-1.out 2>/dev/null && ! grep -q up \"$HOME/job-1.out\"; do sleep 0.05; done; "
        "exit 5");
    CHECK(ended(id).wait_status == 5 << 8);
    CHECK(record(id).reason.empty());
    CHECK(output(id) == "up\ndaemon\n");
}

TEST_CASE_METHOD(Fixture, "a storm of processes that ignore SIGTERM delays the end by the grace") {
    const std::string storm =
        "trap '' TERM; for i in 1 2 3 4 5 6 7 8; do (while :; do (setsid sh -c : &); done) & done;";
    SECTION("after a cancel") {
        const uint64_t id = start(storm + "echo up; wait");
        REQUIRE(cancel(id));
        CHECK(ended(id).wait_status == SIGKILL);
    }
    SECTION("after the application's end") {
        const uint64_t id = start(storm + "echo up; exit 4");
        CHECK(ended(id).wait_status == 4 << 8);
    }
}

TEST_CASE_METHOD(Fixture, "a job that waits for its first terminal ends when it is asked") {
    set_grace(std::chrono::hours(1));
    std::optional<Outcome<Job>> started;
    const Json request = JsonObject()
                             .set("mode", Json::string("pipes"))
                             .set("argv", Json::strings({"/bin/true"}))
                             .set("environment", Json::strings({"PATH=/usr/bin:/bin"}))
                             .set("directory", Json::string("/"))
                             .build();
    jobs().run(uid, request, [&](Outcome<Job> job) { started = std::move(job); });
    REQUIRE(run_until([&] { return started.has_value(); }));
    REQUIRE(*started);
    REQUIRE(cancel((*started)->id));
    CHECK_FALSE(ended((*started)->id).wait_status);  // nothing ran that could have one
}

TEST_CASE_METHOD(Fixture, "an end that was begun goes on with the next daemon") {
    SECTION("the grace is over later") {
        const uint64_t id = start(kDeaf);
        begin_cancel(id);
        start_service();
        CHECK(ended(id).wait_status == SIGKILL);
        CHECK(record(id).reason == "cancelled");
    }
    SECTION("nobody is asked twice") {
        set_grace(std::chrono::seconds(20));
        const uint64_t id =
            start("trap 'echo asked; sleep 1; exit 7' TERM; echo up; while :; do sleep 0.05; done");
        begin_cancel(id);
        REQUIRE(run_until([&] { return output(id).contains("asked"); }));
        start_service();
        CHECK(ended(id).wait_status == 7 << 8);
        CHECK(output(id) == "up\nasked\n");
        CHECK(record(id).usage.wall_usec.value_or(0) >= 1'000'000);
    }
    SECTION("it was over meanwhile") {
        const uint64_t id = start(kDeaf);
        begin_cancel(id);
        const auto end = std::chrono::steady_clock::now() + grace;
        while (std::chrono::steady_clock::now() < end) usleep(10'000);  // no loop runs
        start_service();
        CHECK(ended(id).wait_status == SIGKILL);
    }
}

TEST_CASE_METHOD(Fixture, "a job that is being dumped is asked when it runs again") {
    close_gate();
    const uint64_t id = start(kPolite);
    jobs().checkpoint(uid, id, false, [](const Outcome<Checkpoint>&, uint64_t) {});
    begin_cancel(id);
    run_for(grace + std::chrono::milliseconds(300));
    CHECK(record(id).state == JobState::running);
    CHECK(output(id) == "up\n");
    open_gate();
    CHECK(ended(id).wait_status == 7 << 8);
    CHECK(record(id).generation == 1);
}

TEST_CASE_METHOD(Fixture, "what a job has used is in its record") {
    const auto begun = std::chrono::steady_clock::now();
    const uint64_t id =
        start("echo up; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; /bin/true; sleep 0.3");
    const JobUsage used = ended(id).usage;
    const auto most = std::chrono::steady_clock::now() - begun;
    CHECK(used.runs == 1);
    REQUIRE(used.cpu_usec);
    CHECK(used.cpu_usec > 10'000U);
    // the kernel rounds each of the three to a microsecond
    const auto split = *used.cpu_user_usec + *used.cpu_system_usec;
    CHECK(std::max(split, *used.cpu_usec) - std::min(split, *used.cpu_usec) <= 2);
    REQUIRE(used.wall_usec);
    CHECK(used.wall_usec >= 300'000U);
    CHECK(std::chrono::microseconds(*used.wall_usec) <= most);
    REQUIRE(used.processes_total);
    CHECK(used.processes_total >= 3U);  // the loader, the shell, true
    start_service();
    CHECK(record(id).usage.cpu_usec == used.cpu_usec);
}

TEST_CASE_METHOD(Fixture, "a restart adds to it") {
    const uint64_t id = start("echo up; sleep 100");
    REQUIRE(checkpoint(id, false));
    REQUIRE(cancel(id));
    const JobUsage first = record(id).usage;
    REQUIRE(restart(id));
    CHECK(record(id).usage.runs == 1);
    run_for(std::chrono::milliseconds(200));
    REQUIRE(cancel(id));
    const JobUsage both = record(id).usage;
    CHECK(both.runs == 2);
    CHECK(both.cpu_usec > first.cpu_usec);
    CHECK(both.wall_usec.value_or(0) >= first.wall_usec.value_or(UINT64_MAX) + 200'000);
    CHECK(both.processes_total > first.processes_total);
}

TEST_CASE_METHOD(Fixture, "what could not be read is absent, and ends no job later") {
    const uint64_t id = start("echo up; sleep 100");
    SECTION("an agent that does not answer") {
        const pid_t agent = jobs().agent().agent_pid();
        REQUIRE(kill(agent, SIGSTOP) == 0);
        const auto cancelled = cancel(id);
        REQUIRE(kill(agent, SIGCONT) == 0);
        REQUIRE(cancelled);
        CHECK_FALSE(ended(id).usage.processes_total);
        CHECK(record(id).usage.cpu_usec);
    }
    SECTION("an end that nobody saw") {
        const pid_t loader = record(id).pid;
        REQUIRE(kill(loader, SIGKILL) == 0);
        REQUIRE(waitpid(loader, nullptr, 0) >= -1);
        start_service();
        const JobUsage used = ended(id).usage;
        CHECK_FALSE(used.wall_usec);
        CHECK(used.cpu_usec);
    }
}

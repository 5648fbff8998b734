#include "xosd/job/job_service.h"

#include <signal.h>
#include <sys/wait.h>

#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>

#include "common/policy/policy_file.h"
#include "tests/unit/job/job_node.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

struct Fixture : JobNode {
    uint64_t start_sleeper() {
        const auto job = run("sleep 100");
        if (!job) FAIL(job.error().message);
        CHECK(job->state == JobState::running);
        return job->id;
    }
    // Of a job that was checkpointed once and then cancelled.
    uint64_t make_ended_with_checkpoint() {
        const uint64_t id = start_sleeper();
        REQUIRE(checkpoint(id, false).value_or(0) == 1);
        REQUIRE(cancel(id));
        return id;
    }
    bool is_layer(uint64_t id) const { return fs::exists(base / "jobs" / job_name(id)); }
    fs::path checkpoints(uint64_t id) const { return base / "checkpoints" / job_name(id); }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a job runs, ends with its status and leaves nothing but its record") {
    const auto job = run("echo said; exit 3");
    if (!job) FAIL(job.error().message);
    const auto ended = wait(job->id);
    REQUIRE(ended);
    CHECK(ended->state == JobState::ended);
    CHECK(ended->wait_status == 3 << 8);
    CHECK(ended->request.output == config.home_root + "/physics/user1/job-1.out");
    std::string text;
    std::ifstream(ended->request.output) >> text;
    CHECK(text == "said");
    CHECK(run_until([&] { return !is_layer(job->id); }));
    CHECK_FALSE(is_populated(job->id));
    CHECK(wait(job->id)->wait_status == 3 << 8);  // at once
}

TEST_CASE_METHOD(Fixture, "who may run a job") {
    const auto refusal = [&] {
        const auto job = run("true");
        return job ? "" : job.error().message;
    };
    SECTION("a stranger") {
        std::optional<Outcome<Job>> answer;
        jobs().run(1000, request("true"), [&](Outcome<Job> job) { answer = std::move(job); });
        REQUIRE(answer);
        CHECK(answer->error().code == Errc::denied);
    }
    SECTION("without a session") {
        sessions->close(session, "closed");
        CHECK_THAT(refusal(), ContainsSubstring("log in with ssh"));
    }
    SECTION("with a credential that was revoked after the login") {
        physics.bundle.serial = 8;
        physics.bundle.revoked_serials = {"4a05"};
        REQUIRE(trust.apply(physics.seal(), ""));
        CHECK_THAT(refusal(), ContainsSubstring("log in with ssh"));
    }
    SECTION("suspended") {
        physics.bundle.serial = 8;
        physics.bundle.members[0].suspended = true;
        REQUIRE(trust.apply(physics.seal(), ""));
        CHECK_THAT(refusal(), ContainsSubstring("is suspended"));
    }
    SECTION("with a session of before all credentials were revoked") {
        physics.bundle.serial = 8;
        physics.bundle.members[0].credentials_from = now_seconds();
        REQUIRE(trust.apply(physics.seal(), ""));
        CHECK_THAT(refusal(), ContainsSubstring("log in with ssh"));
    }
    SECTION("of a VO that ends") {
        physics.bundle.serial = 8;
        physics.bundle.vo.serial = 2;
        physics.bundle.vo.not_after = now_seconds() + std::chrono::seconds(2);
        physics.bundle.not_after = physics.bundle.vo.not_after;
        REQUIRE(trust.apply(physics.seal(), ""));
        REQUIRE(run_until([&] { return now_seconds() >= physics.bundle.vo.not_after; }));
        CHECK_THAT(refusal(), ContainsSubstring("VO physics ended at"));
    }
    SECTION("of a VO that was dissolved") {
        physics.bundle.serial = 8;
        physics.bundle.vo.serial = 2;
        physics.bundle.vo.dissolved = true;
        physics.bundle.members.clear();
        REQUIRE(trust.apply(physics.seal(), ""));
        CHECK_THAT(refusal(), ContainsSubstring("VO physics was dissolved"));
    }
    SECTION("on a node that drains") {
        const NodeRecord node{"node1",
                              "11111111-2222-4333-8444-000000000001",
                              "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                              {},
                              true};
        std::filesystem::create_directory(base / "resource/physics");
        std::ofstream(base / "resource/physics" / kNodeRecordFile) << write_node(node).format();
        physics.bundle.serial = 8;
        physics.bundle.nodes = {node};
        REQUIRE(trust.apply(physics.seal(), ""));
        CHECK_THAT(refusal(), ContainsSubstring("this node, node1, drains"));
    }
    SECTION("against policy") {
        config.policy = must(parse_policy("- {allow: [login, pty]}", "node policy"));
        CHECK_THAT(refusal(), ContainsSubstring("no rule that allows submit"));
    }
    CHECK(jobs().list(0, true).empty());
}

TEST_CASE_METHOD(Fixture, "policy limits how many jobs a member has at a time") {
    config.policy = must(parse_policy("- {allow: all, limits: {jobs: 1}}", "node policy"));
    const uint64_t id = start_sleeper();
    CHECK_THAT(run("true").error().message, ContainsSubstring("the most that policy allows you"));
    REQUIRE(cancel(id));
    CHECK(run("true"));
}

TEST_CASE_METHOD(Fixture, "a job ends after its walltime, also when xosd was started again meanwhile") {
    config.policy = must(parse_policy("- {allow: all, limits: {walltime: 2s}}", "node policy"));
    const uint64_t id = start_sleeper();
    CHECK(record(id).walltime == 2);
    SECTION("the same xosd") {}
    SECTION("another one, under another policy") {
        config.policy = must(parse_policy("- {allow: all}", "node policy"));
        start_service();
    }
    const auto ended = wait(id);
    REQUIRE(ended);
    CHECK_THAT(ended->reason, ContainsSubstring("stopped after 2s, the walltime"));
    CHECK(ended->ended - ended->started >= std::chrono::seconds(2));
    CHECK_FALSE(is_populated(id));
}

TEST_CASE_METHOD(Fixture, "a job whose limit this node cannot hold is refused, and nothing of it is left") {
    // the node of these tests has no controllers for jobs
    config.policy = must(parse_policy("- {allow: all, limits: {memory: 1G}}", "node policy"));
    const auto refused = run("true");
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().message,
               ContainsSubstring("limits you to memory 1G") && ContainsSubstring("no memory controller"));
    CHECK(jobs().list(0, true).empty());
}

TEST_CASE_METHOD(Fixture, "to others a job does not exist") {
    const uint64_t id = start_sleeper();
    const uint32_t other = uid + 1;
    std::vector<Errc> codes;
    const auto note = [&](const Outcome<Job>& job) {
        codes.push_back(job ? Errc::system : job.error().code);
    };
    jobs().wait(other, id, note);
    jobs().cancel(other, id, false, note);
    jobs().restart(other, id, 0, note);
    jobs().forget(other, id, note);
    jobs().checkpoint(other, id, true,
                      [&](const Outcome<Checkpoint>& made, uint64_t) { codes.push_back(made.error().code); });
    jobs().snapshot(other, id, [&](const Outcome<JobSnapshot>& seen) { codes.push_back(seen.error().code); });
    codes.push_back(jobs().attach(other, id).error().code);
    CHECK(codes == std::vector<Errc>(7, Errc::not_found));
    CHECK(jobs().list(other, true).empty());
    CHECK(jobs().list(0, false).size() == 1);
    CHECK(jobs().find(0, id)->state == JobState::running);
    const auto ended = cancel(id);
    REQUIRE(ended);
    CHECK(ended->wait_status == SIGTERM);
    CHECK(ended->reason == "cancelled");
}

TEST_CASE_METHOD(Fixture, "a job that is cancelled while it starts does not run") {
    std::optional<Outcome<Job>> started, cancelled;
    jobs().run(uid, request("sleep 100"), [&](Outcome<Job> job) { started = std::move(job); });
    jobs().cancel(uid, 1, false, [&](Outcome<Job> job) { cancelled = std::move(job); });
    REQUIRE(run_until([&] { return started && cancelled; }));
    CHECK_THAT(started->error().message, ContainsSubstring("was cancelled"));
    REQUIRE(*cancelled);
    CHECK((*cancelled)->state == JobState::ended);
    CHECK_FALSE(is_populated(1));
}

TEST_CASE_METHOD(Fixture, "a restart runs again, without what was said of the last run") {
    const uint64_t id = make_ended_with_checkpoint();
    CHECK(record(id).wait_status == SIGTERM);
    const auto again = restart(id);
    if (!again) FAIL(again.error().message);
    CHECK(again->state == JobState::running);
    CHECK_FALSE(again->wait_status);
    CHECK(again->ended == std::chrono::sys_seconds());
    CHECK(is_populated(id));
    CHECK_FALSE(restart(id));
    REQUIRE(cancel(id));
    CHECK(record(id).generation == 1);
}

TEST_CASE_METHOD(Fixture, "a restart is a submission too") {
    const uint64_t id = make_ended_with_checkpoint();
    config.policy = must(parse_policy("- {allow: [login, checkpoint]}", "node policy"));
    CHECK_THAT(restart(id).error().message, ContainsSubstring("allows submit"));
    CHECK(record(id).state == JobState::ended);
}

TEST_CASE_METHOD(Fixture, "a restart that waits for the last layer to go may be waited for and cancelled") {
    const uint64_t id = make_ended_with_checkpoint();
    std::optional<Outcome<Job>> restarted, waited, cancelled;
    jobs().restart(uid, id, 0, [&](Outcome<Job> job) { restarted = std::move(job); });
    CHECK(record(id).state == JobState::restarting);
    jobs().wait(uid, id, [&](Outcome<Job> job) { waited = std::move(job); });
    jobs().cancel(uid, id, false, [&](Outcome<Job> job) { cancelled = std::move(job); });
    REQUIRE(run_until([&] { return restarted && waited && cancelled; }));
    CHECK_THAT(restarted->error().message, ContainsSubstring("was cancelled"));
    REQUIRE(*waited);
    CHECK((*waited)->state == JobState::ended);
    CHECK_FALSE((*waited)->wait_status);  // the last run's is not this one's
    CHECK_FALSE(is_populated(id));
}

TEST_CASE_METHOD(Fixture, "a job that ends while it is dumped ends after the dump") {
    close_gate();
    const uint64_t id = start_sleeper();
    std::optional<Outcome<Checkpoint>> made;
    jobs().checkpoint(uid, id, false,
                      [&](Outcome<Checkpoint> checkpoint, uint64_t) { made = std::move(checkpoint); });
    jobs().checkpoint(uid, id, false, [](const Outcome<Checkpoint>& second, uint64_t) {
        REQUIRE_FALSE(second);
        CHECK(second.error().code == Errc::conflict);
    });
    REQUIRE(kill(record(id).pid, SIGKILL) == 0);
    const auto later = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    run_until([&] { return std::chrono::steady_clock::now() > later; });
    CHECK(record(id).state == JobState::running);
    CHECK_FALSE(jobs().attach(uid, id));
    CHECK(checkpoint(id, false).error().code == Errc::conflict);
    open_gate();
    const auto ended = wait(id);
    REQUIRE(made);
    CHECK(*made);
    REQUIRE(ended);
    CHECK(ended->generation == 1);
}

TEST_CASE_METHOD(Fixture, "a stop is answered when the job has ended") {
    const uint64_t id = start_sleeper();
    CHECK(checkpoint(id, true).value_or(0) == 1);
    CHECK(record(id).state == JobState::ended);
    CHECK(record(id).reason == "stopped with checkpoint 1");
    CHECK(restart(id));
    CHECK(cancel(id));
}

TEST_CASE_METHOD(Fixture, "a new daemon adopts what runs") {
    const uint64_t id = start_sleeper();
    start_service();
    CHECK(record(id).state == JobState::running);
    const auto ended = cancel(id);
    REQUIRE(ended);
    CHECK(ended->state == JobState::ended);
}

TEST_CASE_METHOD(Fixture, "a new daemon ends what was half begun") {
    const uint64_t id = start_sleeper();
    REQUIRE(database.execute("UPDATE job SET state = 'restarting'"));
    start_service();
    const auto ended = wait(id);
    REQUIRE(ended);
    CHECK_THAT(ended->reason, ContainsSubstring("while it was restarting"));
    CHECK_FALSE(is_populated(id));
}

TEST_CASE_METHOD(Fixture, "a checkpoint that nobody could record is recorded by the next daemon") {
    const uint64_t id = start_sleeper();
    REQUIRE(cancel(id));
    // as a dump leaves it whose xosd was killed between the commit and the record; the second one was not
    // committed
    REQUIRE(database.execute("INSERT INTO checkpoint VALUES (1, 1, '', 0, 0), (1, 2, '', 0, 0)"));
    fs::create_directories(checkpoints(id) / "1");
    std::ofstream(checkpoints(id) / "1" / "manifest.json") << "{}";
    start_service();
    CHECK(record(id).generation == 1);
    CHECK(restart(id));
    CHECK(cancel(id));
}

TEST_CASE_METHOD(Fixture, "files that belong to no job go at the next start") {
    const uint64_t id = make_ended_with_checkpoint();
    fs::create_directories(base / "jobs" / "job-77" / "upper");
    fs::create_directories(checkpoints(78) / "1");
    start_service();
    CHECK(run_until([&] { return !is_layer(77) && !fs::exists(checkpoints(78)); }));
    CHECK(fs::exists(checkpoints(id)));

    std::optional<Outcome<Job>> forgotten;
    jobs().forget(uid, id, [&](Outcome<Job> job) { forgotten = std::move(job); });
    REQUIRE(run_until([&] { return forgotten.has_value(); }));
    REQUIRE(*forgotten);
    CHECK_FALSE(fs::exists(checkpoints(id)));
    CHECK(jobs().list(0, true).empty());
}

TEST_CASE_METHOD(Fixture, "all ended jobs of one owner are forgotten, with what a failed removal left") {
    const uint64_t first = make_ended_with_checkpoint();
    const auto second = run("true");
    REQUIRE(second);
    REQUIRE(wait(second->id));
    const uint64_t sleeper = start_sleeper();
    CHECK(jobs().count().at(uid).live == 1);
    CHECK(jobs().count().at(uid).ended == 2);
    REQUIRE(run_until([&] { return !is_layer(first); }));
    fs::create_directories(base / "jobs" / job_name(first) / "upper");
    std::optional<Outcome<void>> done;
    jobs().forget_all(uid + 1, [&](const Outcome<void>& forgotten) { done = forgotten; });
    REQUIRE(done);
    CHECK(jobs().list(0, true).size() == 3);
    done.reset();
    jobs().forget_all(uid, [&](const Outcome<void>& forgotten) { done = forgotten; });
    REQUIRE(run_until([&] { return done.has_value(); }));
    CHECK(*done);
    CHECK_FALSE(is_layer(first));
    CHECK_FALSE(fs::exists(checkpoints(first)));
    REQUIRE(jobs().list(0, true).size() == 1);
    CHECK(jobs().list(0, true).front().id == sleeper);
    CHECK(cancel(sleeper));
}

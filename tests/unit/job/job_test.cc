#include "xosd/job/job.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "xosd/job/job_request.h"
#include "xosd/job/job_store.h"

using namespace xos;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr char kHome[] = "/home/xos/physics/user1";

std::string parameters(const std::string& changes) {
    return R"({"mode":"batch","argv":["/bin/true"],"environment":["A=b"],"directory":"/tmp")" + changes + "}";
}

Outcome<JobRequest> read(const std::string& text) {
    const auto json = Json::parse(text, {.bytes = 8 * 1024 * 1024, .depth = 8}, "parameters");
    REQUIRE(json);
    return read_job_request(*json, kHome);
}

std::string refusal_of(const std::string& text) {
    const auto request = read(text);
    return request ? "" : request.error().message;
}

Job make_job() {
    Job job;
    job.login = "user1@physics";
    job.uid = 0x70000001;
    job.request = *read(parameters(""));
    job.submitted = std::chrono::sys_seconds(std::chrono::seconds(1000));
    return job;
}

struct Records {
    Outcome<Database> database = Database::open(":memory:");
    JobStore store{*database};
    Records() { REQUIRE(store.load()); }
    Job reload(uint64_t id) {
        JobStore again(*database);
        REQUIRE(again.load());
        REQUIRE(again.find(id) != nullptr);
        return *again.find(id);
    }
};

}  // namespace

TEST_CASE("which state becomes which") {
    constexpr JobState kAll[] = {JobState::starting, JobState::running, JobState::restarting,
                                 JobState::ended};
    const bool may[4][4] = {{false, true, false, true},
                            {false, false, false, true},
                            {false, true, false, true},
                            {false, false, true, false}};
    for (size_t from = 0; from < 4; ++from)
        for (size_t to = 0; to < 4; ++to) CHECK(may_become(kAll[from], kAll[to]) == may[from][to]);
    for (const JobState state : kAll) CHECK(parse_job_state(job_state_name(state)) == state);
    for (const JobMode mode : {JobMode::terminal, JobMode::pipes, JobMode::batch})
        CHECK(parse_job_mode(job_mode_name(mode)) == mode);
    CHECK_FALSE(parse_job_state("Running"));
    CHECK_FALSE(parse_job_mode(""));
}

TEST_CASE("names of jobs") {
    CHECK(parse_job_name("job-17") == 17);
    CHECK(parse_job_name("17") == 17);
    CHECK(parse_job_name(job_name(UINT64_MAX)) == UINT64_MAX);
    for (const char* name : {"", "job-", "0", "job-0", "017", "-1", "+1", "1 ", " 1", "1x", "job-job-1",
                             "job--1", "18446744073709551616", "../1"})
        CHECK_FALSE(parse_job_name(name));
}

TEST_CASE("what may be asked to be run") {
    const auto request =
        read(parameters(R"(,"output":"/home/xos/physics/user1/out","rows":40,"columns":100)"));
    REQUIRE(request);
    CHECK(request->mode == JobMode::batch);
    CHECK(request->argv == std::vector<std::string>{"/bin/true"});
    CHECK(request->output == "/home/xos/physics/user1/out");
    CHECK(request->rows == 40);
    CHECK(read(parameters(R"(,"rows":0,"columns":99999)"))->rows == 24);
    CHECK(default_output(kHome, 3) == "/home/xos/physics/user1/job-3.out");
}

TEST_CASE("what may not") {
    CHECK_THAT(refusal_of(R"({"mode":"fly"})"), ContainsSubstring("expected terminal, pipes or batch"));
    CHECK_FALSE(refusal_of(R"({"mode":"batch"})").empty());
    CHECK_THAT(refusal_of(R"({"mode":"batch","argv":[]})"), ContainsSubstring("needs a command"));
    CHECK_THAT(refusal_of(R"({"mode":"batch","argv":[""]})"), ContainsSubstring("needs a command"));
    CHECK_FALSE(refusal_of(R"({"mode":"batch","argv":[1]})").empty());
    CHECK_THAT(refusal_of(R"({"mode":"batch","argv":["a"],"environment":["=x"]})"),
               ContainsSubstring("NAME=value"));
    for (const char* directory : {"tmp", "", "/a/../b", "/a/./b", "/.."})
        CHECK_THAT(refusal_of(R"({"mode":"batch","argv":["a"],"environment":[],"directory":")" +
                              std::string(directory) + "\"}"),
                   ContainsSubstring("directory"));
    for (const char* output : {"/etc/passwd", "out", "/home/xos/physics/user1",
                               "/home/xos/physics/user12/out", "/home/xos/physics/user1/../user2/out"})
        CHECK_THAT(refusal_of(parameters(R"(,"output":")" + std::string(output) + "\"")),
                   ContainsSubstring("your home"));
    const std::string big(128 * 1024, 'x');
    std::string many = "\"" + big + "\"";
    for (int i = 0; i < 8; ++i) many += ",\"" + big + "\"";
    CHECK_THAT(refusal_of(R"({"mode":"batch","argv":[)" + many + "]}"), ContainsSubstring("more than 1 MiB"));
    CHECK_FALSE(refusal_of(R"({"mode":"batch","argv":[")" + big + "x\"]}").empty());
}

TEST_CASE("records survive a restart") {
    Records records;
    const uint64_t id = *records.store.add(make_job());
    Job job = *records.store.find(id);
    CHECK(job.state == JobState::starting);
    job.state = JobState::running;
    job.pid = 42;
    job.start_time = 4711;
    REQUIRE(records.store.update(job));
    job.state = JobState::ended;
    job.wait_status = 256;
    job.reason = "it's over";
    job.generation = 3;
    job.usage = {.runs = 2,
                 .cpu_usec = 5,
                 .cpu_user_usec = 2,
                 .cpu_system_usec = 3,
                 .memory_peak = {},
                 .processes_peak = 7,
                 .processes_total = 9,
                 .wall_usec = 11};
    job.began_usec = 13;
    job.kill_at = decltype(job.kill_at)(std::chrono::milliseconds(1234567));
    REQUIRE(records.store.update(job));
    const Job read_back = records.reload(id);
    CHECK(read_back.login == "user1@physics");
    CHECK(read_back.request.argv == job.request.argv);
    CHECK(read_back.request.environment == job.request.environment);
    CHECK(read_back.submitted == job.submitted);
    CHECK(read_back.pid == 42);
    CHECK(read_back.start_time == 4711);
    CHECK(read_back.wait_status == 256);
    CHECK(read_back.reason == "it's over");
    CHECK(read_back.generation == 3);
    CHECK(read_back.usage.runs == 2);
    CHECK(read_back.usage.cpu_usec == 5);
    CHECK(read_back.usage.cpu_user_usec == 2);
    CHECK(read_back.usage.cpu_system_usec == 3);
    CHECK_FALSE(read_back.usage.memory_peak);
    CHECK(read_back.usage.processes_peak == 7);
    CHECK(read_back.usage.processes_total == 9);
    CHECK(read_back.usage.wall_usec == 11);
    CHECK(read_back.began_usec == 13);
    CHECK(read_back.kill_at == job.kill_at);

    job.state = JobState::running;  // not from ended
    CHECK(records.store.update(job).error().code == Errc::conflict);
    CHECK(records.store.find(id)->state == JobState::ended);
    REQUIRE(records.store.remove(id));
    CHECK(records.store.update(job).error().code == Errc::not_found);
    CHECK(*records.store.add(make_job()) == id + 1);  // a number is used once
}

TEST_CASE("records of before the accounting are read, with what they say and no more") {
    auto database = Database::open(":memory:");
    REQUIRE(database);
    const char* const before[] = {
        "CREATE TABLE job (id INTEGER PRIMARY KEY AUTOINCREMENT, login TEXT NOT NULL, uid INTEGER NOT NULL,"
        " request TEXT NOT NULL, state TEXT NOT NULL, submitted INTEGER NOT NULL, started INTEGER NOT NULL,"
        " ended INTEGER NOT NULL, pid INTEGER NOT NULL, start_time INTEGER NOT NULL, wait_status INTEGER,"
        " reason TEXT NOT NULL, generation INTEGER NOT NULL, cpu_usec INTEGER NOT NULL) STRICT;",
        "ALTER TABLE job ADD COLUMN walltime INTEGER NOT NULL DEFAULT 0",
    };
    REQUIRE(database->migrate("job", before));
    REQUIRE(database->execute(
        "INSERT INTO job VALUES (1, 'a@b', 7, '{}', 'ended', 1, 2, 3, 4, 5, 0, '', 1, 1500000, 60),"
        " (2, 'a@b', 7, '{}', 'running', 1, 2, 0, 4, 5, NULL, '', 0, 0, 0)"));
    JobStore store(*database);
    REQUIRE(store.load());
    const Job ended = *store.find(1), running = *store.find(2);
    CHECK(ended.usage.runs == 1);
    CHECK(ended.usage.cpu_usec == 1'500'000);
    CHECK_FALSE(ended.usage.cpu_user_usec);
    CHECK_FALSE(ended.usage.wall_usec);
    CHECK(ended.walltime == 60);
    CHECK(running.usage.runs == 0);
    CHECK_FALSE(running.usage.cpu_usec);
    CHECK(running.pid == 4);
}

TEST_CASE("the runs of a job are added up, and a sum with an unknown part is unknown") {
    JobUsage all;
    const JobUsage run{.cpu_usec = 10,
                       .cpu_user_usec = 7,
                       .cpu_system_usec = 3,
                       .memory_peak = 100,
                       .processes_peak = 4,
                       .processes_total = 20,
                       .wall_usec = 1000};
    add_run(all, run);
    add_run(all, {.cpu_usec = 5,
                  .cpu_user_usec = {},
                  .cpu_system_usec = 1,
                  .memory_peak = 300,
                  .processes_peak = 3,
                  .processes_total = 2,
                  .wall_usec = 1});
    CHECK(all.runs == 2);
    CHECK(all.cpu_usec == 15);
    CHECK_FALSE(all.cpu_user_usec);
    CHECK(all.cpu_system_usec == 4);
    CHECK(all.memory_peak == 300);
    CHECK(all.processes_peak == 4);
    CHECK(all.processes_total == 22);
    CHECK(all.wall_usec == 1001);
    add_run(all, {});
    add_run(all, run);  // what was lost does not come back
    CHECK(all.runs == 4);
    CHECK_FALSE(all.cpu_usec);
    CHECK_FALSE(all.memory_peak);
    JobUsage counted;
    set_processes(counted, {.lost = 1, .forks = 5});
    CHECK_FALSE(counted.processes_total);
    set_processes(counted, {.forks = 5, .adopted = 1});
    CHECK(counted.processes_total == 6);
}

TEST_CASE("every request that is taken can be read back") {
    Records records;
    Job job = make_job();
    // the worst that job_request.h takes: each of these bytes is six in JSON
    job.request.argv.assign(8, std::string(128 * 1024 - 1, '\x01'));
    job.request.environment.assign(8, "A=" + std::string(128 * 1024 - 3, '\x02'));
    const uint64_t id = *records.store.add(job);
    const Job read_back = records.reload(id);
    CHECK(read_back.request.argv == job.request.argv);
    CHECK(read_back.request.environment == job.request.environment);
}

TEST_CASE("a damaged record keeps nothing else from being read") {
    Records records;
    const uint64_t damaged = *records.store.add(make_job()), strange = *records.store.add(make_job()),
                   sound = *records.store.add(make_job());
    for (const uint64_t id : {damaged, strange, sound}) {
        Job job = *records.store.find(id);
        job.state = JobState::running;
        job.pid = 42;
        REQUIRE(records.store.update(job));
    }
    REQUIRE(records.database->execute("UPDATE job SET request = '{\"argv\":' WHERE id = 1"));
    REQUIRE(records.database->execute("UPDATE job SET state = 'flying' WHERE id = 2"));
    CHECK(records.reload(damaged).state == JobState::running);  // its processes are still to be found
    CHECK(records.reload(damaged).pid == 42);
    CHECK(records.reload(strange).state == JobState::starting);  // to be ended
    CHECK(records.reload(sound).request.argv == std::vector<std::string>{"/bin/true"});
}

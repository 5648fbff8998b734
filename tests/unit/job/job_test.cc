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
    job.cpu_usec = 5;
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

    job.state = JobState::running;  // not from ended
    CHECK(records.store.update(job).error().code == Errc::conflict);
    CHECK(records.store.find(id)->state == JobState::ended);
    REQUIRE(records.store.remove(id));
    CHECK(records.store.update(job).error().code == Errc::not_found);
    CHECK(*records.store.add(make_job()) == id + 1);  // a number is used once
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

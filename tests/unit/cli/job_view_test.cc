#include "job_view.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace xos;
using Catch::Matchers::ContainsSubstring;

namespace {

JobView ended(std::optional<int32_t> status, std::string reason = "") {
    JobView job;
    job.job = "job-1";
    job.state = "ended";
    job.wait_status = status;
    job.reason = std::move(reason);
    return job;
}

ProcessView process(int64_t pid, int64_t parent, std::string command) {
    ProcessView view;
    view.pid = pid;
    view.parent = parent;
    view.state = "S";
    view.command = std::move(command);
    return view;
}

}  // namespace

TEST_CASE("how a job ended") {
    JobView running;
    running.state = "running";
    CHECK(describe_end(running) == "running");
    CHECK(describe_end(ended(3 << 8)) == "exited 3");
    CHECK(describe_end(ended(9)) == "killed by SIGKILL");
    CHECK(describe_end(ended(11 | 0x80)) == "killed by SIGSEGV (core dumped)");
    CHECK(describe_end(ended({})) == "ended, how is not known");
    CHECK(describe_end(ended({}, "its exit status was lost")) == "ended: its exit status was lost");
    CHECK(exit_code_of(3 << 8) == 3);
    CHECK(exit_code_of(9) == 137);
}

TEST_CASE("what a job says reaches no terminal as it is") {
    CHECK(describe_end(ended({}, "cannot execute \x1b[2J: no")) == "ended: cannot execute ?[2J: no");
    JobView job = ended({}, "\x1b]0;title\x07");
    job.command =
        "a\nb\x7f\xc2\x9b"
        "31m caf\xc3\xa9";
    const std::string text = format_jobs({job});
    for (const char bad : {'\x1b', '\x07', '\x7f', '\x9b'}) CHECK(text.find(bad) == std::string::npos);
    CHECK(std::ranges::count(text, '\n') == 2);
    CHECK_THAT(text, ContainsSubstring("a?b???31m caf\xc3\xa9"));
    CHECK(format_process_tree({process(1, 0, "\x1b[1m")}, 0).find('\x1b') == std::string::npos);
}

TEST_CASE("processes stand below their parents") {
    const std::string text = format_process_tree({process(30, 10, "third"), process(10, 1, "first"),
                                                  process(20, 10, "second"), process(40, 20, "fourth")},
                                                 0);
    const size_t first = text.find(" first"), third = text.find("   third"), second = text.find("   second"),
                 fourth = text.find("     fourth");
    REQUIRE(first != std::string::npos);
    CHECK(first < third);
    CHECK(third < second);
    CHECK(second < fourth);
    CHECK(fourth != std::string::npos);
    CHECK(format_process_tree({process(1, 1, "own parent")}, 0).find("own parent") != std::string::npos);
    for (const std::string& line : {format_process_tree({process(1, 0, std::string(500, 'x'))}, 80)})
        CHECK(line.substr(line.find('\n') + 1).size() == 81);
}

TEST_CASE("a chain of processes may be as long as a job likes") {
    std::vector<ProcessView> chain;
    for (int64_t pid = 1; pid <= 200'000; ++pid) chain.push_back(process(pid, pid - 1, "x"));
    CHECK(std::ranges::count(format_process_tree(chain, 0), '\n') == 200'001);
}

TEST_CASE("answers of the daemon") {
    const auto json =
        Json::parse(R"({"job":"job-7","state":"ended","waitStatus":256,"generation":2,"started":5,
        "login":null,"cpuUsec":1500000})",
                    {}, "answer");
    REQUIRE(json);
    const JsonNode root = json->root();
    const auto job = read_job_view(root);
    REQUIRE(job);
    CHECK(job->job == "job-7");
    CHECK(job->wait_status == 256);
    CHECK(job->generation == 2);
    CHECK(job->login.empty());
    const auto empty = Json::parse("{}", {}, "answer");
    const JsonNode nothing = empty->root();
    CHECK_FALSE(read_job_view(nothing));
    CHECK_FALSE(read_process_view(nothing));
}

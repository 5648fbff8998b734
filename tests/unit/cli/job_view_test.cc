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
    CHECK(describe_end(ended(15, "cancelled")) == "killed by SIGTERM: cancelled");
    running.state = "ending";
    running.reason = "cancelled";
    CHECK(describe_end(running) == "ending");
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

TEST_CASE("what a job used is told, and what is not known is said") {
    JobView job = ended(15, "cancelled");
    job.cpu_usec = 61'230'000;
    job.cpu_user_usec = 61'000'001;
    job.wall_usec = 3'723'000'004;
    job.memory_peak = 73'400'320;
    job.processes_total = 9;
    std::string text = format_job(job);
    for (const char* line :
         {"job:         job-1\n", "state:       killed by SIGTERM: cancelled\n",
          "time:        3723.000004 s\n", "processor:   61.230000 s\n", "- user:      61.000001 s\n",
          "- system:    not known\n", "memory:      73400320 bytes at most\n", "processes:   9\n",
          "- at a time: not known\n"})
        CHECK_THAT(text, ContainsSubstring(line));
    CHECK_THAT(format_jobs({job}),
               ContainsSubstring("1:02:03   70M   1:01.23") && ContainsSubstring("(cancelled)"));
    for (const auto& [bytes, shown] : {std::pair<uint64_t, const char*>(0, "   0K"),
                                       {1000, "   1K"},
                                       {10'188, "  10K"},
                                       {1'022'000, " 998K"},
                                       {1'050'000, " 1.0M"},
                                       {UINT64_MAX, "  16E"}}) {
        job.memory_peak = bytes;
        CHECK_THAT(format_jobs({job}), ContainsSubstring(compose("1:02:03 {} ", shown)));
    }
    job = {};
    job.state = "running";
    CHECK_THAT(format_jobs({job}), ContainsSubstring("       -     -         -"));
    text = format_job(job);
    CHECK_FALSE(text.contains("not known"));  // it is not over
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

TEST_CASE("users, threads and memory are shown where they are told") {
    ProcessView told = process(10, 1, "told");
    told.user = "user1@physics";
    told.threads = 12;
    told.memory = 5 << 20;
    const std::string bare = format_process_tree({process(20, 1, "bare")}, 0);
    CHECK(bare.find("USER") == std::string::npos);
    CHECK(bare.find("MEM") == std::string::npos);
    const std::string text = format_process_tree({told, process(20, 1, "bare")}, 0);
    CHECK_THAT(text, ContainsSubstring("INSIDE  ST USER           THR   MEM STARTED"));
    CHECK_THAT(text, ContainsSubstring("user1@physics   12  5.0M "));
    CHECK_THAT(text, ContainsSubstring("                 ?     ? "));
}

TEST_CASE("sizes have three digits at most") {
    CHECK(memory_text(0) == "0K");
    CHECK(memory_text(4096) == "4K");
    CHECK(memory_text(1023 * 1024) == "1.0M");
    CHECK(memory_text(10ULL << 20) == "10M");
    CHECK(memory_text(3ULL << 30) == "3.0G");
    CHECK(memory_text(UINT64_MAX) == "16E");
}

TEST_CASE("a chain of processes may be as long as a job likes") {
    std::vector<ProcessView> chain;
    for (int64_t pid = 1; pid <= 200'000; ++pid) chain.push_back(process(pid, pid - 1, "x"));
    CHECK(std::ranges::count(format_process_tree(chain, 0), '\n') == 200'001);
}

TEST_CASE("answers of the daemon") {
    const auto json =
        Json::parse(R"({"job":"job-7","state":"ended","waitStatus":256,"generation":2,"started":5,
        "login":null,"cpuUsec":1500000,"wallUsec":0,"memoryPeak":null})",
                    {}, "answer");
    REQUIRE(json);
    const JsonNode root = json->root();
    const auto job = read_job_view(root);
    REQUIRE(job);
    CHECK(job->job == "job-7");
    CHECK(job->wait_status == 256);
    CHECK(job->generation == 2);
    CHECK(job->login.empty());
    CHECK(job->cpu_usec == 1'500'000U);
    CHECK(job->wall_usec == 0U);
    CHECK_FALSE(job->memory_peak);
    CHECK_FALSE(job->processes_total);
    const auto empty = Json::parse("{}", {}, "answer");
    const JsonNode nothing = empty->root();
    CHECK_FALSE(read_job_view(nothing));
    CHECK_FALSE(read_process_view(nothing));
}

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <clocale>
#include <cstdlib>

#include "cli/terminal_width.h"
#include "cli/top_commands.h"
#include "cli/top_table.h"
#include "tests/unit/cli/varlink_node.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr int64_t kNow = 1'796'000'000'000'000, kSecond = 1'000'000;

ProcessView process(int64_t pid, uint64_t cpu, std::optional<int64_t> memory = {}) {
    ProcessView view;
    view.pid = pid;
    view.parent = 1;
    view.started_usec = kNow - 100 * kSecond;
    view.cpu_usec = cpu;
    view.memory = memory;
    view.command = "p" + std::to_string(pid);
    return view;
}

TopJob job(const std::string& name, std::vector<ProcessView> processes) {
    TopJob top;
    top.report.job.job = name;
    top.report.job.state = "running";
    top.report.job.login = "user1@physics";
    top.report.job.command = "make\x1b -j8";
    top.report.processes = std::move(processes);
    return top;
}

int list(sd_varlink* link, sd_json_variant*, sd_varlink_method_flags_t, void*) {
    return sd_varlink_reply(
        link, Json::parse(R"({"jobs":[{"job":"job-7","state":"running"}]})", {}, "jobs")->variant());
}
int describe(sd_varlink* link, sd_json_variant*, sd_varlink_method_flags_t, void*) {
    const auto answer = Json::parse(
        R"({"status":{"job":"job-7","state":"running","login":"user1@physics","command":"make all",
        "started":1796000000},"processes":[{"pid":10,"parent":1,"containerPid":1,"uid":0,"state":"S",
        "started":1796000000000000,"cpuUsec":5,"escaped":false,"command":"xos-loader","memory":1048576,
        "threads":3},{"pid":11,"parent":10,"state":"R","started":1796000000000000,"cpuUsec":7,
        "escaped":true,"command":"cc1"}],"eventsLost":0,"exitCodesUnknown":0})",
        {}, "job");
    return sd_varlink_reply(link, answer->variant());
}
constexpr VarlinkNode::Method kMethods[] = {{"org.xtreemos.Job.ListJobs", list},
                                            {"org.xtreemos.Job.Describe", describe}};

}  // namespace

TEST_CASE("how busy a job is") {
    TopSample before{kNow, {job("job-1", {process(10, 1'000'000), process(11, 0)})}};
    measure_cpu(before, nullptr);
    CHECK(before.jobs[0].cpu_percent == 1);  // since their start
    TopSample now{
        kNow + 2 * kSecond,
        {job("job-1", {process(10, 2'000'000, 4096), process(12, 500'000, 8192)}), job("job-2", {})}};
    now.jobs[0].report.processes[1].started_usec = kNow + kSecond;  // began since
    measure_cpu(now, &before);
    CHECK(now.jobs[0].report.processes[0].cpu_percent == 50);
    CHECK(now.jobs[0].report.processes[1].cpu_percent == 50);
    CHECK((now.jobs[0].cpu_percent == 100 && now.jobs[0].memory == 12288 && !now.jobs[0].threads));
    CHECK(summary_text(now) == "2 jobs, 2 processes, CPU 100.0 %");
    // pid 11 is another process now; a count that went back is no use
    TopSample later{kNow + 4 * kSecond, {job("job-1", {process(10, 1'500'000)})}};
    later.jobs[0].report.processes.push_back(process(12, 1'000'000));
    later.jobs[0].report.processes[1].started_usec = kNow + 3 * kSecond;
    measure_cpu(later, &now);
    CHECK(later.jobs[0].report.processes[0].cpu_percent == 0);
    CHECK(later.jobs[0].report.processes[1].cpu_percent == 100);
}

TEST_CASE("the order of jobs and of processes") {
    TopSample sample{kNow,
                     {job("job-9", {process(1, 0), process(2, 90)}), job("job-10", {}), job("job-8", {})}};
    sample.jobs[1].cpu_percent = 5;
    const auto first = [&](TopOrder order, bool reversed) {
        sort_sample(sample, order, reversed);
        return sample.jobs[0].report.job.job;
    };
    CHECK(first(TopOrder::cpu, false) == "job-10");
    CHECK(first(TopOrder::name, false) == "job-8");
    CHECK(first(TopOrder::name, true) == "job-10");
    CHECK(first(TopOrder::processes, false) == "job-9");
    const std::vector<ProcessView>& processes = sample.jobs[0].report.processes;
    sort_sample(sample, TopOrder::name, false);
    sort_sample(sample, TopOrder::processes, false);
    CHECK(processes[0].command == "p1");
    sample.jobs[0].report.processes[1].cpu_percent = 1;
    sort_sample(sample, TopOrder::cpu, false);
    sort_sample(sample, TopOrder::processes, false);
    CHECK(processes[0].command == "p2");
}

TEST_CASE("tables fit 80 columns and reach no terminal as they are") {
    TopSample sample{kNow, {job("job-1", {process(10, 0, 3LL << 30)})}};
    measure_cpu(sample, nullptr);
    const TopTable jobs = job_table(sample), tree = process_table(sample.jobs[0]);
    CHECK(jobs.heading.size() <= 80);
    CHECK(tree.heading.size() <= 80);
    CHECK_THAT(jobs.rows.at(0),
               ContainsSubstring("user1@physics       0.0  3.0G     1     - -         make? -j8"));
    CHECK_THAT(tree.rows.at(0), ContainsSubstring("3.0G    -  p10"));
    setlocale(LC_CTYPE, "C.UTF-8");
    CHECK(fit_columns("abcdef", 3) == "abc");
    CHECK(fit_columns("caf\xc3\xa9!", 4) == "caf\xc3\xa9");
    CHECK(fit_columns("\xe6\x97\xa5\xe6\x9c\xac", 3) == "\xe6\x97\xa5");  // two columns each
    CHECK(fit_columns("a\xff\xe6", 9) == "a??");
}

TEST_CASE("keys") {
    const std::vector<std::string> jobs{"job-1", "job-2", "job-3"}, other{"job-3", "job-1"};
    TopView view;
    view.settle(jobs, 3, 2);
    view.press(TopKey::last, jobs, 2);
    view.settle(jobs, 3, 2);
    CHECK((view.selected() == 2 && view.offset() == 1));
    view.settle(other, 2, 2);  // the same job stays selected
    CHECK((view.selected() == 0 && view.offset() == 0));
    view.press(TopKey::open, other, 2);
    view.settle(other, 50, 2);
    CHECK((view.shows_tree() && view.opened() == "job-3"));
    view.press(TopKey::page_down, other, 2);
    view.settle(other, 50, 2);
    CHECK((view.selected() == 2 && view.offset() == 1));
    view.press(TopKey::back, other, 2);
    view.settle(jobs, 3, 2);
    CHECK((!view.shows_tree() && view.selected() == 2));
    view.press(TopKey::by_memory, jobs, 2);
    view.press(TopKey::reverse, jobs, 2);
    CHECK((view.order() == TopOrder::memory && view.reversed()));
    view.press(TopKey::by_name, jobs, 2);
    CHECK_FALSE(view.reversed());
    view.settle({}, 0, 0);
    CHECK((view.selected() == 0 && view.offset() == 0));
    view.press(TopKey::quit, {}, 0);
    CHECK(view.quits());
}

TEST_CASE("one table where there is no terminal") {
    const VarlinkNode node({kMethods[0], kMethods[1]});
    char* text = nullptr;
    size_t size = 0;
    std::FILE* out = open_memstream(&text, &size);
    const auto printed = print_top(out, node.address());
    std::fclose(out);
    const std::string table(text, size);
    std::free(text);
    REQUIRE(printed);
    CHECK_THAT(table, ContainsSubstring("JOB      USER"));
    CHECK_THAT(table, ContainsSubstring("1.0M     2     3 "));
    CHECK_THAT(table, ContainsSubstring("make all\n"));
}

// Run by the next one on a terminal of its own.
TEST_CASE("watch", "[.terminal]") {
    REQUIRE(watch_top(std::getenv("XOS_TEST_ADDRESS")));
}

TEST_CASE("on a terminal") {
    const VarlinkNode node({kMethods[0], kMethods[1]});
    const auto watch = [&](const char* terminal, const std::string& keys) {
        return run_command(
            {"script", "-qec",
             "exec " + std::filesystem::read_symlink("/proc/self/exe").string() + " '[.terminal]'",
             "/dev/null"},
            {"TERM=" + std::string(terminal), "LANG=C.UTF-8", "XOS_TEST_ADDRESS=" + node.address()}, keys);
    };
    const auto seen = watch("xterm", "mr\rq");
    CHECK(seen.status == 0);
    for (const char* text :
         {"job-7", "1 job, 2 processes", "threads s started n command", "xos-loader", "(escaped) cc1"})
        CHECK_THAT(seen.output, ContainsSubstring(text));
    const auto unknown = watch("no-such-terminal", "q");
    CHECK(unknown.status != 0);
}

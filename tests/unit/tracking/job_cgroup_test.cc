#include "xosd/tracking/job_cgroup.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <fstream>

#include "tests/unit/ssh/command.h"
#include "tests/unit/tracking/require_kernel.h"
#include "tests/unit/tracking/tracking_node.h"

using namespace xos;
using namespace xos::test;

TEST_CASE("the v2 tree is found on unified and hybrid machines") {
    const auto hybrid = parse_cgroup_mount(
        "70 69 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
        "79 69 0:38 / /sys/fs/cgroup/uni\\040fied rw,relatime shared:9 - cgroup2 cgroup2 rw\n");
    REQUIRE(hybrid);
    CHECK(hybrid->point == "/sys/fs/cgroup/uni fied");
    CHECK(hybrid->root == "/");
    CHECK_FALSE(parse_cgroup_mount("70 69 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"));
    CHECK_FALSE(parse_cgroup_mount("- cgroup2"));
}

TEST_CASE("a job's cgroup is killed whole, accounted and removed") {
    require_kernel();
    TrackingNode node;
    JobCgroup job = node.make_job("bomb");
    CHECK(JobCgroup::make(node.base(), "bomb").error().code == Errc::exists);
    const pid_t pid = spawn_in(job, []() -> int {
        for (int i = 0; i < 5; ++i)
            if (fork() == 0) setsid();
        for (;;) getppid();
    });
    usleep(100'000);
    CHECK(job.populated().value_or(false));
    CHECK(job.wait_empty(std::chrono::milliseconds(50)).error().code == Errc::timeout);
    REQUIRE(mkdirat(job.fd(), "below", 0755) == 0);
    std::optional<Outcome<void>> done;
    auto kill = CgroupKill::start(node.event(), job, std::chrono::seconds(5),
                                  [&](Outcome<void> result) { done = std::move(result); });
    REQUIRE(kill);
    REQUIRE(node.run_until([&] { return done.has_value(); }));
    CHECK(done->has_value());
    reap(pid);
    CHECK_FALSE(job.populated().value_or(true));
    const auto usage = job.cpu_usage();
    REQUIRE(usage);
    CHECK(usage->total_us > 50'000);
    CHECK(job.remove());
    CHECK(JobCgroup::open(node.base(), "bomb").error().code == Errc::not_found);
}

TEST_CASE("an empty cgroup is dead at once, and a bad name makes none") {
    require_kernel();
    TrackingNode node;
    const JobCgroup job = node.make_job("idle", false);
    std::optional<Outcome<void>> done;
    auto kill = CgroupKill::start(node.event(), job, std::chrono::seconds(30),
                                  [&](Outcome<void> result) { done = std::move(result); });
    REQUIRE(kill);
    REQUIRE(node.run_until([&] { return done.has_value(); }));
    CHECK(done->has_value());
    for (const char* bad : {"", ".", "..", "a/b", "-x", "a b", "../x"})
        CHECK(JobCgroup::make(node.base(), bad).error().code == Errc::invalid);
}

TEST_CASE("the daemon moves into a leaf of its own cgroup") {
    require_kernel();
    TrackingNode node;
    const JobCgroup own = node.make_job("service", false);
    const pid_t pid = spawn_in(own, [] {
        for (int i = 0; i < 2; ++i) {  // the second time it is there already
            const auto base = find_cgroup_base();
            if (!base || !base->jobs_path.ends_with("/service/jobs")) return 1;
            const auto here = read_own_cgroup();
            if (!here || !here->ends_with("/service/daemon")) return 2;
            auto job = JobCgroup::make(*base, "j1");
            if (!job || job->path() != base->jobs_path + "/j1" || !job->remove()) return 3;
        }
        return 0;
    });
    CHECK(reap(pid) == 0);
}

namespace {

// Uses so much processor time of its own, in user mode and in the kernel.
void burn(std::chrono::milliseconds time) {
    volatile unsigned word = 0;
    for (timespec used{}; used.tv_sec * 1000 + used.tv_nsec / 1'000'000 < time.count();) {
        for (unsigned i = 0; i < 10'000; ++i) word = 31 * word + i;
        for (int i = 0; i < 100; ++i) getppid();
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    }
}

int burn_in_children() {
    for (int i = 0; i < 4; ++i)
        if (fork() == 0) {
            setsid();
            if (fork() == 0) {  // of a child of a child, which the waiting adds up
                burn(std::chrono::milliseconds(150));
                _exit(0);
            }
            burn(std::chrono::milliseconds(150));
            wait(nullptr);
            _exit(0);
        }
    while (wait(nullptr) > 0) {
    }
    return 0;
}

}  // namespace

// The sums of user and system time are compared: both sides have them exact, from the scheduler's clock. How
// they are split is scaled from ticks, on each side by another history (kernel/sched/cputime.c,
// cputime_adjust).
TEST_CASE("the processor time of a cgroup is that of its processes within one percent") {
    require_kernel();
    TrackingNode node;
    const JobCgroup job = node.make_job("burn", false);
    const pid_t pid = spawn_in(job, burn_in_children);
    int status = 0;
    rusage used{};
    REQUIRE(wait4(pid, &status, 0, &used) == pid);
    REQUIRE(status == 0);
    const auto usec = [](const timeval& time) { return time.tv_sec * 1'000'000.0 + time.tv_usec; };
    const auto counted = job.cpu_usage();
    REQUIRE(counted);
    REQUIRE(counted->total_us >= 1'200'000);
    CHECK_THAT(static_cast<double>(counted->total_us),
               Catch::Matchers::WithinRel(usec(used.ru_utime) + usec(used.ru_stime), 0.01));
    CHECK_THAT(static_cast<double>(counted->user_us + counted->system_us),
               Catch::Matchers::WithinRel(static_cast<double>(counted->total_us), 0.0001));
}

// A cgroup as files in a directory: a kernel that says nothing, or something strange.
TEST_CASE("what a cgroup does not say is not taken for nothing") {
    const TempDir directory;
    CgroupBase base;
    base.jobs.reset(open(directory.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const auto job = JobCgroup::make(base, "job-1");
    REQUIRE(job);
    const auto offer = [&](const char* file, const char* text) {
        std::ofstream(directory.path / std::string("job-1") / file) << text;
    };
    CHECK(job->cpu_usage().error().code == Errc::not_found);
    CHECK(job->memory_peak().error().code == Errc::not_found);
    offer("cpu.stat", "usage_usec 5\nuser_usec 2\n");
    offer("memory.peak", "max\n");
    CHECK(job->cpu_usage().error().code == Errc::invalid);
    CHECK(job->memory_peak().error().code == Errc::invalid);
    offer("cpu.stat", "usage_usec 5\nuser_usec 2\nsystem_usec 3\nnr_periods 9\n");
    offer("memory.peak", "73400320\n");
    CHECK(job->cpu_usage()->total_us == 5);
    CHECK(job->cpu_usage()->system_us == 3);
    CHECK(job->memory_peak() == 73'400'320U);
}

#include "xosd/tracking/job_cgroup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

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

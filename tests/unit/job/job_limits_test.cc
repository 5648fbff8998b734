#include "xosd/job/job_limits.h"

#include <fcntl.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/ssh/command.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// A job's cgroup as files in a directory: the kernel's answer to each is tried where controllers are on v2.
struct Fixture {
    TempDir directory;
    JobCgroup cgroup = make(directory.path);
    Limits limits;

    static JobCgroup make(const std::filesystem::path& path) {
        CgroupBase base;
        base.jobs.reset(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        auto made = JobCgroup::make(base, "job-1");
        REQUIRE(made);
        return *std::move(made);
    }
    void offer(const char* file) { std::ofstream(directory.path / std::string("job-1") / file); }
    std::string held(const char* file) {
        std::ifstream stream(directory.path / std::string("job-1") / file);
        return {std::istreambuf_iterator<char>(stream), {}};
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "limits are written into the job's cgroup") {
    for (const char* file : {"pids.max", "memory.max", "memory.swap.max", "cpu.max"}) offer(file);
    limits[Limit::processes] = 100;
    limits[Limit::memory] = 512;
    limits[Limit::cpus] = 1500;
    REQUIRE(hold_limits(cgroup, limits));
    CHECK(held("pids.max") == "101");  // and xos-loader
    CHECK(held("memory.max") == "536870912");
    CHECK(held("memory.swap.max") == "0");
    CHECK(held("cpu.max") == "150000 100000");
}

TEST_CASE_METHOD(Fixture, "what policy does not limit is left alone") {
    for (const char* file : {"pids.max", "memory.max", "memory.swap.max", "cpu.max"}) offer(file);
    limits[Limit::jobs] = 1;
    limits[Limit::walltime] = 60;
    REQUIRE(hold_limits(cgroup, limits));
    for (const char* file : {"pids.max", "memory.max", "memory.swap.max", "cpu.max"})
        CHECK(held(file).empty());
    CHECK(can_hold(limits, {}));
    CHECK(walltime_of(limits) == 60);
    CHECK(walltime_of({}) == 0);
}

TEST_CASE_METHOD(Fixture, "a limit that the kernel cannot hold is named") {
    limits[Limit::memory] = 512;
    CHECK_THAT(hold_limits(cgroup, limits).error().message, ContainsSubstring("memory 512M"));
    CHECK(can_hold(limits, {"cpu", "memory"}));
    const auto refused = can_hold(limits, {"cpu", "pids"});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::unavailable);
    CHECK_THAT(refused.error().message,
               ContainsSubstring("memory 512M") && ContainsSubstring("no memory controller"));
    limits = {};
    limits[Limit::processes] = 5;
    CHECK_THAT(can_hold(limits, {"cpu", "memory"}).error().message, ContainsSubstring("processes 5"));
    limits = {};
    limits[Limit::cpus] = 500;
    CHECK_THAT(can_hold(limits, {}).error().message, ContainsSubstring("cpus 0.5"));
}

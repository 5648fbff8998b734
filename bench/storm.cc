#include "bench/storm.h"

#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/tracking/tracking_ground.h"

namespace xos::bench {

void run_storm(const JobCgroup& cgroup, const Storm& storm) {
    std::string program = XOS_STORM_PROGRAM, each = std::to_string(storm.each);
    std::vector<pid_t> workers;
    for (uint64_t i = 0; i < storm.workers; ++i)
        workers.push_back(test::spawn_in(cgroup, [&] {
            char* arguments[] = {program.data(), each.data(), nullptr};
            execve(program.c_str(), arguments, environ);
            return 127;
        }));
    bool whole = true;
    for (const pid_t worker : workers) whole = test::reap(worker) == 0 && whole;
    if (!whole) test::give_up("a worker of the storm did not come to its end");
}

double cpu_time(const JobCgroup& cgroup) {
    const auto usage = cgroup.cpu_usage();
    if (!usage) test::give_up(usage.error().message);
    return static_cast<double>(usage->total_us) * 1000;
}

void wait_quiet(const JobCgroup& cgroup) {
    constexpr double kHardlyNs = 200'000;
    constexpr int kQuietLooks = 4;
    constexpr std::chrono::milliseconds kLook(50);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    double before = cpu_time(cgroup);
    for (int quiet = 0; quiet < kQuietLooks && std::chrono::steady_clock::now() < end;) {
        std::this_thread::sleep_for(kLook);
        const double now = cpu_time(cgroup);
        quiet = now - before < kHardlyNs ? quiet + 1 : 0;
        before = now;
    }
}

}  // namespace xos::bench

// What following processes costs and misses: the connector agent against listeners as simple as can be, the
// programs of Debian that do it, and what the kernel offers otherwise.
//
//   tracking [PART..]     loss, costs, many, foreign, exit, resync, memory; all by default
//
// As root in the initial pid, user and network namespaces. Storms are processes that do nothing
// (bench/storm.c) in a cgroup; every cost is CPU time from the accounts of a cgroup that holds nothing else.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "bench/tracking.h"
#include "libxos/unique_fd.h"
#include "tests/unit/tracking/tracking_ground.h"

using namespace xos;
using namespace xos::bench;

namespace {

const std::vector<std::pair<std::string, void (*)(Report&)>> kParts = {
    {"loss", measure_loss},       {"costs", measure_costs}, {"many", measure_many},
    {"foreign", measure_foreign}, {"exit", measure_exit},   {"resync", measure_resync},
    {"memory", measure_memory},
};

// A thousand bindings are as many descriptors.
void raise_descriptor_limit() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

// Each agent says when it starts and ends; what it lost is in the table.
void silence_logs() {
    const UniqueFd null(open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (!null || dup2(null.get(), STDERR_FILENO) < 0) die("cannot open /dev/null");
}

void run_part(const std::string& name, void (*measure)(Report&), Report& report) {
    try {
        measure(report);
    } catch (const std::exception& e) {
        report.absent(name, "", e.what());
    }
}

}  // namespace

Turn bench::guard(std::function<double()> measure) {
    return [measure = std::move(measure)]() -> Outcome<double> {
        try {
            return measure();
        } catch (const std::exception& e) {
            return failure(Errc::system, "{}", e.what());
        }
    };
}

int main(int argc, char** argv) {
    const std::vector<std::string> wanted(argv + 1, argv + argc);
    for (const std::string& name : wanted)
        if (std::ranges::find(kParts, name, [](const auto& part) { return part.first; }) == kParts.end())
            die(compose("tracking has no part \"{}\"", name));
    if (const std::string reason = test::why_tracking_cannot_run(); !reason.empty()) die(reason);
    setenv("XOS_AGENT", XOS_AGENT_PROGRAM, 0);
    raise_descriptor_limit();
    silence_logs();
    Report report;
    for (const auto& [name, measure] : kParts)
        if (wanted.empty() || std::ranges::contains(wanted, name)) run_part(name, measure, report);
    return report.finish();
}

// What is known of processes: how soon an end, how cheaply all of them, in how much memory.
#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "bench/listener.h"
#include "bench/tracking.h"
#include "connector_agent/resync.h"

namespace xos::bench {
namespace {

constexpr int kRounds = 9;
constexpr useconds_t kRest = 4'000;  // until everybody sleeps

double thread_cpu_ns() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// A process that notes the time and ends.
class ShortLife {
  public:
    explicit ShortLife(const JobCgroup& cgroup)
        : pid_(test::spawn_in(cgroup, [this] {
              usleep(kRest);
              end_->exit_ns = monotonic_ns();
              return 0;
          })) {}
    pid_t pid() const { return pid_; }
    double since_end() const { return since_end(monotonic_ns()); }
    double since_end(uint64_t now_ns) const { return static_cast<double>(now_ns - end_->exit_ns); }

  private:
    SharedSeen end_;
    pid_t pid_;
};

// The median of some ends.
double take_samples(const std::function<double(int number)>& sample) {
    constexpr int kSamples = 40;
    std::vector<double> samples;
    for (int i = 0; i < kSamples; ++i) samples.push_back(sample(i));
    return median(std::move(samples));
}

double wait_for_ends() {
    test::TrackingGround ground;
    const JobCgroup cgroup = ground.make_cgroup("ends");
    return take_samples([&](int) {
        const ShortLife life(cgroup);
        test::reap(life.pid());
        return life.since_end();
    });
}

double receive_ends() {
    ReceivePath path;
    return take_samples([&](int) {
        // nobody else is woken by it: with a waitpid(2) beside it, it would be two wake-ups that are measured
        const ShortLife life(path.storm());
        do usleep(3 * kRest);
        while (path.seen().exit_pid != life.pid());
        test::reap(life.pid());
        return life.since_end(path.seen().exit_ns);
    });
}

// Until the daemon's callback: the agent's event, its message, the daemon's loop.
double be_told_of_ends() {
    test::TrackingNode node(kReceiveBuffer);
    return take_samples([&](int number) {
        const std::string name = "end" + std::to_string(number);
        const JobCgroup cgroup = node.make_job(name);
        const ShortLife life(cgroup);
        if (auto watched = node.client().watch_main(name, life.pid()); !watched)
            test::give_up(watched.error().message);
        double known = 0;
        if (!node.run_until([&] {
                known = life.since_end();
                return !node.seen().main_exits[name].empty();
            }))
            test::give_up("the end of a job's process did not become known");
        test::reap(life.pid());
        if (auto unbound = node.client().unbind(name); !unbound) test::give_up(unbound.error().message);
        return known;
    });
}

// What everybody does who has no cgroup to ask.
size_t scan_processes(const ProcessFiles& files, const std::string& cgroup) {
    const std::unique_ptr<DIR, int (*)(DIR*)> proc(opendir("/proc"), closedir);
    if (!proc) test::give_up("cannot list /proc");
    size_t found = 0;
    while (const dirent* entry = readdir(proc.get())) {
        int32_t pid = 0;
        const char* end = entry->d_name + std::strlen(entry->d_name);
        if (std::from_chars(entry->d_name, end, pid).ptr != end) continue;
        const auto path = files.cgroup_path(pid);
        if (path && is_inside(*path, cgroup)) ++found;
    }
    return found;
}

double proportional_memory(pid_t pid) {
    std::ifstream smaps("/proc/" + std::to_string(pid) + "/smaps_rollup");
    for (std::string line; std::getline(smaps, line);) {
        std::istringstream words(line);
        std::string key;
        double kib = 0;
        if (words >> key >> kib && key == "Pss:") return kib;
    }
    test::give_up("cannot read the agent's memory in /proc");
}

}  // namespace

void measure_exit(Report& report) {
    Contest contest("from _exit() to its being known", 0);
    contest.add("waitpid", guard(wait_for_ends));
    contest.add("receive path", guard(receive_ends));
    contest.add("daemon", guard(be_told_of_ends));
    contest.run(kRounds);
    report.compare(contest, "receive path", "waitpid", at_most(1.0));
    report.compare(contest, "daemon", "waitpid");
}

void measure_resync(Report& report) {
    constexpr size_t kProcesses = 400;
    test::TrackingGround ground;
    const JobCgroup cgroup = ground.make_cgroup("many");
    for (size_t i = 0; i < kProcesses; ++i) test::spawn_in(cgroup, [] { return pause(); });
    auto files = ProcessFiles::open();
    if (!files) test::give_up(files.error().message);
    const auto make_binding = [&] {
        return Binding({.serial = 1, .slot = 1, .job = "many", .path = cgroup.path()},
                       UniqueFd(fcntl(cgroup.fd(), F_DUPFD_CLOEXEC, 0)), {}, {});
    };
    const auto take_turn_at = [&](Binding& binding) {
        ProcessTree::Changes changes;
        const double before = thread_cpu_ns();
        resync(binding, *files, monotonic_ns(), true, changes);
        const double spent = thread_cpu_ns() - before;
        const size_t found = binding.tree().size();
        if (found != kProcesses) test::give_up(compose("resync found {} processes", found));
        return spent;
    };
    Binding known = make_binding();
    take_turn_at(known);
    Contest contest("resync of 400 processes", 0);
    contest.add("all known", guard([&] { return take_turn_at(known); }));
    contest.add("all new", guard([&] {
                    Binding unknown = make_binding();
                    return take_turn_at(unknown);
                }));
    contest.add("scan of /proc", guard([&] {
                    const double before = thread_cpu_ns();
                    const size_t found = scan_processes(*files, cgroup.path());
                    const double spent = thread_cpu_ns() - before;
                    if (found != kProcesses) test::give_up(compose("the scan found {} processes", found));
                    return spent;
                }));
    contest.run(4 * kRounds);
    report.compare(contest, "all known", "scan of /proc", at_most(0.1));
    report.compare(contest, "all new", "scan of /proc");
}

void measure_memory(Report& report) {
    constexpr size_t kBindings = 1'000;
    test::TrackingNode node(kReceiveBuffer);
    node.make_job("first");
    node.snapshot("first");
    const double before = proportional_memory(node.client().agent_pid());
    bind_idle(node, kBindings);
    const double grown = proportional_memory(node.client().agent_pid()) - before;
    const double state = static_cast<double>(node.snapshot("first").state_bytes) / 1024;
    report.number("the agent's memory", "an idle binding", (grown + state) / static_cast<double>(kBindings),
                  " KiB", 16);
}

}  // namespace xos::bench

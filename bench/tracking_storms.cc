// Storms: what is lost, what listening costs the listener and those who are listened to.
#include <chrono>
#include <cmath>
#include <deque>
#include <fstream>
#include <sstream>

#include "bench/listener.h"
#include "bench/storm.h"
#include "bench/tracking.h"

namespace xos::bench {
namespace {

constexpr int kRounds = 9;

template <typename Kind, auto... arguments>
std::unique_ptr<Listener> start() {
    return std::make_unique<Kind>(arguments...);
}

// The same storms give two contests: CPU time of the storm for each of its processes, and of the listener for
// each event.
class StormContest {
  public:
    StormContest(const std::string& what, Storm storm)
        : storm_(storm), storms_("storm, " + what, 0), events_("CPU per event, " + what, 0) {}

    void add(const std::string& name, StartListener start) {
        auto per_event = std::make_shared<std::deque<double>>();
        storms_.add(name, guard([this, per_event, start = std::move(start)] {
                        const Figures figures = run_once(start);
                        per_event->push_back(figures.event);
                        return figures.process;
                    }));
        events_.add(name, [per_event]() -> Outcome<double> {
            if (per_event->empty()) return failure(Errc::not_found, "no storm to go by");
            const double figure = per_event->front();
            per_event->pop_front();
            return figure;
        });
    }
    void run(int rounds) {
        storms_.run(rounds);
        events_.run(rounds);
    }
    const Contest& storms() const { return storms_; }
    const Contest& events() const { return events_; }

  private:
    struct Figures {
        double process, event;
    };
    Figures run_once(const StartListener& start) const {
        const auto listener = start();
        const JobCgroup own = listener->ground().agent_cgroup();
        wait_quiet(own);
        const double before = cpu_time(own);
        run_storm(listener->storm(), storm_);
        wait_quiet(own);
        const double spent = cpu_time(own) - before;
        const auto events = listener->events();
        if (events && *events < storm_.events() / 2)
            test::give_up(compose("saw {} of {} events", *events, storm_.events()));
        return {cpu_time(listener->storm()) / static_cast<double>(storm_.processes()),
                spent / static_cast<double>(events.value_or(1))};
    }
    Storm storm_;
    Contest storms_, events_;
};

uint64_t distance(uint64_t a, uint64_t b) {
    return a > b ? a - b : b - a;
}

// Events of the storm that the agent neither saw nor said to have lost.
struct Loss {
    uint64_t unsaid = 0, said = 0;
};
Loss find_loss(test::TrackingNode& node, const std::string& name, const Storm& storm) {
    const JobCgroup cgroup = node.make_job(name);
    run_storm(cgroup, storm);
    const TrackingCounters seen = node.settled(name).counters;
    Loss loss{.unsaid = distance(seen.received + seen.lost, storm.events()), .said = seen.lost};
    node.run_for(std::chrono::milliseconds(50));  // until the daemon has been told, too
    loss.unsaid += distance(node.seen().lost_messages(name), seen.lost);
    if (seen.lost == 0)
        loss.unsaid += distance(seen.forks, storm.processes()) + distance(seen.execs, storm.execs()) +
                       distance(seen.exits, storm.exits());
    return loss;
}

uint64_t count_wake_ups(pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
        std::istringstream words(line);
        std::string key;
        uint64_t count = 0;
        if (words >> key >> count && key == "voluntary_ctxt_switches:") return count;
    }
    test::give_up("no voluntary_ctxt_switches of the agent");
}

double count_foreign_events(const Storm& storm) {
    ReceivePath path(false);
    run_storm(path.storm(), storm);
    wait_quiet(path.ground().agent_cgroup());
    return static_cast<double>(path.events().value_or(0));
}

struct WakeUps {
    double all, heartbeats;
};
WakeUps count_wake_ups_by_foreign(const Storm& storm) {
    test::TrackingNode node(kReceiveBuffer);
    node.make_job("idle");
    const JobCgroup foreign = node.make_job("foreign", false);
    node.snapshot("idle");
    const auto begin = std::chrono::steady_clock::now();
    const uint64_t before = count_wake_ups(node.client().agent_pid());
    run_storm(foreign, storm);
    const uint64_t after = count_wake_ups(node.client().agent_pid());
    const std::chrono::duration<double> lasted = std::chrono::steady_clock::now() - begin;
    return {static_cast<double>(after - before), std::ceil(lasted.count())};
}

}  // namespace

void measure_loss(Report& report) {
    constexpr int kStorms = 10;
    for (const Storm storm : {Storm{2, 10'000}, Storm{6, 3'334}}) {
        test::TrackingNode node(kReceiveBuffer);
        Loss all;
        for (int i = 0; i < kStorms; ++i) {
            const Loss loss = find_loss(node, "storm" + std::to_string(i), storm);
            all = {all.unsaid + loss.unsaid, all.said + loss.said};
        }
        const std::string workers = compose("{} workers", storm.workers);
        report.number("loss in 10 storms of 20,000", workers + ", not said", static_cast<double>(all.unsaid),
                      "", 0);
        report.number("loss in 10 storms of 20,000", workers + ", said", static_cast<double>(all.said), "");
    }
}

void measure_costs(Report& report) {
    StormContest two("2 workers", {2, 2'000});
    two.add("none", start<Nobody>);
    two.add("plain", start<PlainListener>);
    two.add("receive path", start<ReceivePath>);
    two.add("agent", start<WholeAgent>);
    two.add("forkstat", start_forkstat);
    two.add("bpftrace", start_bpftrace);
    two.run(kRounds);
    report.compare(two.events(), "receive path", "plain", at_most(0.4));
    report.compare(two.events(), "agent", "plain");
    report.compare(two.events(), "agent", "forkstat", at_most(0.5));
    report.compare(two.events(), "agent", "bpftrace", at_most(0.5));
    report.compare(two.storms(), "agent", "none", at_most(1.10));
    for (const char* other : {"plain", "receive path", "forkstat", "bpftrace"})
        report.compare(two.storms(), other, "none");

    StormContest six("6 workers", {6, 700});
    six.add("none", start<Nobody>);
    six.add("plain", start<PlainListener>);
    six.add("agent", start<WholeAgent>);
    six.run(kRounds);
    report.compare(six.events(), "agent", "plain");
    if (const auto plain = report.compare(six.storms(), "plain", "none"))
        report.compare(six.storms(), "agent", "none", at_most(*plain + 0.10));
}

void measure_many(Report& report) {
    StormContest contest("2 workers", {2, 1'500});
    contest.add("no socket", start<Nobody>);
    contest.add("1 binding", start<WholeAgent>);
    contest.add("1001 bindings", start<WholeAgent, size_t{1'000}>);
    contest.add("100 sockets", start<ManySockets, size_t{100}>);
    contest.add("1000 sockets", start<ManySockets, size_t{1'000}>);
    contest.run(kRounds);
    report.compare(contest.storms(), "1001 bindings", "1 binding", at_most(1.10));
    report.compare(contest.storms(), "1 binding", "no socket");
    report.compare(contest.storms(), "100 sockets", "no socket");
    report.compare(contest.storms(), "1000 sockets", "no socket");
}

void measure_foreign(Report& report) {
    constexpr const char* kWhat = "30,000 foreign events";
    constexpr double kSpareWakeUps = 5;
    constexpr Storm kStorm{2, 5'000};
    report.number(kWhat, "reach user space", count_foreign_events(kStorm), "", 0);
    const WakeUps wake_ups = count_wake_ups_by_foreign(kStorm);
    report.number(kWhat, "wake-ups of the agent", wake_ups.all, "", wake_ups.heartbeats + kSpareWakeUps);
}

}  // namespace xos::bench

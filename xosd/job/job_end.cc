// JobService: the end of a job, whoever wants it, and what it has used.
//
// Whoever is to end is asked first. The loader, pid 1 of the job, passes SIGTERM to all by one call that
// misses no process and hits no other's (loader/ending.cc). A sweep from here over the cgroup's members would
// need it frozen, which a process in the kernel can delay for ever, and would have to be undone by a
// successor. When the loader ends, the kernel has killed its pid namespace already: cgroup.kill then is for
// what root moved into the cgroup from elsewhere, and the cgroup's emptiness the proof.
#include <sys/wait.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/policy/quantity.h"
#include "xosd/container/loader_client.h"
#include "xosd/job/job_service.h"

namespace xos {
namespace {

// The agent's word on the loader's exit status may come a moment after the pidfd's.
constexpr auto kStatusGrace = std::chrono::milliseconds(300);
constexpr auto kKillDeadline = std::chrono::seconds(10);
constexpr auto kKillAgain = std::chrono::seconds(30);
constexpr auto kCountDeadline = std::chrono::seconds(1);

}  // namespace

// As a cancel, of which the owner is told another reason.
void JobService::walltime_over(uint64_t id) {
    const Live& live = live_.at(id);
    if (live.ending || live.cancelled) return;
    const std::string reason = compose("stopped after {}, the walltime that policy allows",
                                       format_duration(store_.find(id)->walltime));
    log(Level::notice, "job ended by policy", {{"job", job_name(id)}, {"reason", reason}});
    stop_run(id, reason, false);
}

// Of a job that runs. The first reason holds.
void JobService::stop_run(uint64_t id, std::string reason, bool now) {
    Live& live = live_.at(id);
    if (!live.on_end) return;  // its loader has ended, and the rest is under way
    Job job = *store_.find(id);
    const auto grace = now ? std::chrono::milliseconds(0) : places_.grace;
    const auto last = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) + grace;
    if (!live.cancelled || now) {
        if (!live.cancelled) job.reason = std::move(reason);
        job.kill_at = last;
        live.cancelled = true;
        // stored first: an xosd that dies now has a successor that goes on here
        if (auto stored = store_.update(job); !stored)
            log(Level::error, "job record not written",
                {{"job", job_name(id)}, {"reason", stored.error().message}});
    }
    if (now) return kill(id);
    if (!live.dumping && !live.on_kill) ask_to_end(id, grace);  // else checkpointed() goes on
}

void JobService::ask_to_end(uint64_t id, std::chrono::milliseconds grace) {
    Live& live = live_.at(id);
    auto asked = ask_all_to_end(live.process);
    auto timer = asked ? parts_.loop.after(grace, [this, id] { kill(id); })
                       : Outcome<EventSource>(std::unexpected(asked.error()));
    if (timer) {
        live.on_kill = *std::move(timer);
        return;
    }
    // nobody has been told anything: to wait for them would be no use
    log(Level::warning, "job not asked to end", {{"job", job_name(id)}, {"reason", timer.error().message}});
    kill(id);
}

void JobService::kill(uint64_t id) {
    Live& live = live_.at(id);
    live.on_kill = {};
    if (live.ending || !live.cgroup) return;
    if (auto killed = live.cgroup->kill(); !killed)
        log(Level::error, "job not killed", {{"job", job_name(id)}, {"reason", killed.error().message}});
}

void JobService::process_ended(uint64_t id) {
    Live& live = live_.at(id);
    if (live.on_end) live.ended_usec = monotonic_usec();
    live.on_end = {};
    if (live.ending || live.dumping) return;  // checkpointed() goes on when the dump has answered
    const auto record = read_exit_record(layer_of(id));
    if ((record && *record) || live.agent_status || !live.stop_reason.empty()) return end(id);
    auto grace = parts_.loop.after(kStatusGrace, [this, id] { end(id); });
    if (!grace) return end(id);
    live.on_grace = *std::move(grace);
}

void JobService::end(uint64_t id) {
    Live& live = live_.at(id);
    if (live.ending) return;
    live.ending = true;
    live.on_kill = {};
    auto kill = CgroupKill::start(parts_.loop.get(), *live.cgroup, kKillDeadline,
                                  [this, id](const Outcome<void>& done) { killed(id, done); });
    if (!kill) return killed(id, std::unexpected(kill.error()));
    live.kill = *std::move(kill);
}

void JobService::killed(uint64_t id, const Outcome<void>& done) {
    Live& live = live_.at(id);
    if (done) return count(id);
    log(Level::error, "job not ended", {{"job", job_name(id)}, {"reason", done.error().message}});
    if (done.error().code != Errc::timeout) return count(id);
    // what waits for a device in the kernel dies when that answers: until then the job has not ended
    auto again = parts_.loop.after(kKillAgain, [this, id] {
        live_.at(id).ending = false;
        end(id);
    });
    if (!again) return count(id);
    live.on_grace = *std::move(again);
}

// What the agent has counted, before its binding goes. It may be dead or slow: the end does not wait for it
// long.
void JobService::count(uint64_t id) {
    Live& live = live_.at(id);
    live.counting = std::make_shared<const bool>(true);
    const auto late = [this, id] { ended(id, failure(Errc::timeout, "the connector agent did not answer")); };
    auto deadline = parts_.loop.after(kCountDeadline, late);
    if (!deadline) return ended(id, std::unexpected(deadline.error()));
    live.on_grace = *std::move(deadline);
    // an answer that comes after the deadline finds its question gone
    const std::weak_ptr<const bool> asked = live.counting;
    auto sent = agent_->snapshot(job_name(id), [this, id, asked](const Outcome<JobSnapshot>& last) {
        if (!asked.expired()) ended(id, last);
    });
    if (!sent) ended(id, std::unexpected(sent.error()));
}

JobUsage JobService::account(const Job& job, const Live& live, const Outcome<JobSnapshot>& last) const {
    JobUsage run = read_usage(*live.cgroup, job_name(job.id));
    if (last)
        set_processes(run, last->counters);
    else
        log(Level::warning, "job not accounted",
            {{"job", job_name(job.id)}, {"field", "processes"}, {"reason", last.error().message}});
    // of a run that ended while no xosd was there, nobody saw when; of one that never ran as a job, it is now
    const auto began = live.began_usec ? live.began_usec.value() : job.began_usec;
    if (live.ended_usec && began != 0)
        run.wall_usec = *live.ended_usec - began;
    else if (live.began_usec)
        run.wall_usec = monotonic_usec() - began;
    return run;
}

void JobService::ended(uint64_t id, const Outcome<JobSnapshot>& last) {
    Live& live = live_.at(id);
    live.counting.reset();
    Job job = *store_.find(id);
    if (!live.stop_reason.empty()) job.reason = live.stop_reason;
    const auto record = read_exit_record(layer_of(id));
    if (record && *record && (*record)->exec_error == 0)
        job.wait_status = (*record)->wait_status;
    else if (record && *record)
        job.reason = (*record)->message();
    else if (live.stop_reason.empty() && live.agent_status && WIFSIGNALED(*live.agent_status))
        job.wait_status = live.agent_status;  // the kernel killed the rest with it
    else if (job.reason.empty())
        job.reason = "its exit status was lost";
    const JobUsage run = account(job, live, last);
    // of a start that failed there is nothing to add, but for what did run until it was found out
    if (job.state == JobState::running || run.cpu_usec != 0U) add_run(job.usage, run);
    conclude(std::move(job));
}

}  // namespace xos

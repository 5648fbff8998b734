#include <sys/epoll.h>

#include "common/clock.h"
#include "common/log.h"
#include "xosd/identity/accounts_writer.h"
#include "xosd/job/job_limits.h"
#include "xosd/job/job_request.h"
#include "xosd/job/job_service.h"
#include "xosd/session/home_directory.h"

namespace xos {
namespace {

constexpr size_t kEndedJobsMax = 1000;  // of one user; older ones without a checkpoint are forgotten

// A kill that did not end everything may have left the cgroup of the last run; by now it is empty, or this
// fails.
Outcome<JobCgroup> make_empty_cgroup(const CgroupBase& base, const std::string& name) {
    auto made = JobCgroup::make(base, name);
    if (made || made.error().code != Errc::exists) return made;
    auto left = JobCgroup::open(base, name);
    if (!left) return left;
    if (auto removed = left->remove(); !removed) return std::unexpected(removed.error());
    return JobCgroup::make(base, name);
}

// What the user's environment must not decide.
void set_variable(std::vector<std::string>& environment, const std::string& name, const std::string& value) {
    std::erase_if(environment, [&](const std::string& item) { return item.starts_with(name + "="); });
    environment.push_back(name + "=" + value);
}

}  // namespace

// The record, and the entry in live_ that goes with its state.
Outcome<Job> JobService::add(const Owner& owner, Job job) {
    const auto id = store_.add(std::move(job));
    if (!id) return std::unexpected(id.error());
    live_[*id];
    Job added = *store_.find(*id);
    stir_(added.uid);
    if (added.request.mode != JobMode::batch || !added.request.output.empty()) return added;
    added.request.output = default_output(owner.home, *id);
    if (auto stored = store_.update(added); !stored) {
        give_up(*id, stored.error());
        return std::unexpected(stored.error());
    }
    return added;
}

Outcome<std::string> remove_tree(const std::string& directory) {
    if (auto removed = remove_layer(directory); !removed) return std::unexpected(removed.error());
    return "";
}

Outcome<JobService::Live*> JobService::make_live(const Job& job, const Limits& limits, bool restored) {
    auto cgroup = make_empty_cgroup(*places_.cgroups, job_name(job.id));
    if (!cgroup) return std::unexpected(cgroup.error());
    Live& live = live_[job.id];
    live.cgroup = std::make_unique<JobCgroup>(*std::move(cgroup));
    if (auto held = hold_limits(*live.cgroup, limits); !held) return std::unexpected(held.error());
    // bound before the first process is born, so that no event is missed
    if (auto bound = agent_->bind(job_name(job.id), live.cgroup->fd(), live.cgroup->path(),
                                  {.journal = open_journal(job.id), .restored = restored});
        !bound)
        return std::unexpected(bound.error());
    return &live;
}

// Without it the job runs all the same, and nothing is kept of what its processes did.
UniqueFd JobService::open_journal(uint64_t id) const {
    auto journal = journals_.open(id);
    if (journal) return *std::move(journal);
    log(Level::error, "events are not kept", {{"job", job_name(id)}, {"reason", journal.error().message}});
    return {};
}

Outcome<ContainerSpec> JobService::make_spec(const Job& job, const Owner& owner, const Live& live) const {
    auto accounts = build_accounts_file(owner.accounts);
    if (!accounts) return std::unexpected(accounts.error());
    ContainerSpec spec;
    spec.job = job_name(job.id);
    spec.uid = job.uid;
    spec.gid = job.uid;
    spec.inner_root = owner.vo->base;
    spec.groups = owner.groups;
    spec.home = owner.home;
    spec.argv = job.request.argv;
    spec.environment = job.request.environment;
    set_variable(spec.environment, "HOME", owner.home);
    set_variable(spec.environment, "USER", job.login);
    set_variable(spec.environment, "LOGNAME", job.login);
    set_variable(spec.environment, "XOS_VO", owner.vo->bundle.vo.name);
    set_variable(spec.environment, "XOS_USER", owner.member->name);
    set_variable(spec.environment, "XOS_JOB", spec.job);
    spec.directory = job.request.directory;
    spec.layer = layer_of(job.id);
    spec.loader = places_.loader;
    spec.cgroup_fd = live.cgroup->fd();
    spec.files.push_back({kAccountsFile, *std::move(accounts), 0644});
    switch (job.request.mode) {
        case JobMode::terminal:
            spec.stdio = JobStdio::terminal;
            break;
        case JobMode::pipes:
            spec.stdio = JobStdio::pipes;
            break;
        case JobMode::batch:
            spec.stdio = JobStdio::file;
            break;
    }
    spec.output = job.request.output;
    spec.rows = job.request.rows;
    spec.cols = job.request.columns;
    spec.grace = places_.grace;
    spec.credential = find_credential(owner, job.uid);
    return spec;
}

void JobService::begin(const Job& job, Outcome<Operation> operation,
                       Outcome<ContainerProcess> (*finish)(Operation), OnJob done) {
    const uint64_t id = job.id;
    live_.at(id).began_usec = monotonic_usec();
    Outcome<void> begun = operation ? operations_.add(*std::move(operation),
                                                      [this, id, finish, done](Operation ready) {
                                                          began(id, finish(std::move(ready)), done);
                                                      })
                                    : std::unexpected(operation.error());
    if (begun) return;
    give_up(id, begun.error());
    done(std::unexpected(begun.error()));
}

void JobService::began(uint64_t id, Outcome<ContainerProcess> process, const OnJob& done) {
    Live& live = live_.at(id);
    // a cancel before the container's birth has killed nothing
    if (live.cancelled)
        process = failure(Errc::conflict, "{} was cancelled while it was starting", job_name(id));
    if (!process) {
        give_up(id, process.error());
        return done(std::unexpected(process.error()));
    }
    Job job = *store_.find(id);
    job.state = JobState::running;
    job.pid = process->pid;
    job.start_time = process->start_time;
    job.started = current_time();
    job.began_usec = live.began_usec.value_or(0);
    live.process = *std::move(process);
    auto stored = store_.update(job);
    if (stored) stored = watch(id);
    if (!stored) {
        give_up(id, stored.error());
        return done(std::unexpected(stored.error()));
    }
    log(Level::info, "job running",
        {{"job", job_name(id)}, {"user", job.login}, {"pid", std::to_string(job.pid)}});
    done(job);
}

Outcome<void> JobService::watch(uint64_t id) {
    Live& live = live_.at(id);
    // without it the job is none the worse: its status is in the loader's record
    if (auto watched = agent_->watch_main(job_name(id), live.process.pid); !watched)
        log(Level::warning, "job not tracked", {{"job", job_name(id)}, {"reason", watched.error().message}});
    auto source =
        parts_.loop.watch_fd(live.process.pidfd.get(), EPOLLIN, [this, id](uint32_t) { process_ended(id); });
    if (!source) return std::unexpected(source.error());
    live.on_end = *std::move(source);
    const Job* job = store_.find(id);
    if (job->walltime == 0 || live.cancelled) return {};
    const auto left = job->started + std::chrono::seconds(job->walltime) - current_time();
    auto timer =
        parts_.loop.after(std::max(left, std::chrono::seconds(0)), [this, id] { walltime_over(id); });
    if (!timer) return std::unexpected(timer.error());
    live.on_walltime = *std::move(timer);
    return {};
}

// The last step of every job: recorded, cleared away, told to those who wait.
void JobService::conclude(Job job) {
    job.state = JobState::ended;
    job.ended = current_time();
    job.kill_at = {};
    if (auto adopted = adopt_checkpoints(job.id); !adopted)
        log(Level::error, "checkpoint not recorded",
            {{"job", job_name(job.id)}, {"reason", adopted.error().message}});
    job.generation = store_.find(job.id)->generation;
    if (auto stored = store_.update(job); !stored)
        log(Level::error, "job record not written",
            {{"job", job_name(job.id)}, {"reason", stored.error().message}});
    log(Level::info, "job ended",
        {{"job", job_name(job.id)},
         {"user", job.login},
         {"wait_status", job.wait_status ? std::to_string(*job.wait_status) : "unknown"},
         {"cpu_usec", job.usage.cpu_usec ? std::to_string(*job.usage.cpu_usec) : "unknown"},
         {"reason", job.reason}});
    const auto live = live_.extract(job.id);  // lives until everybody has been told
    stir_(job.uid);
    clear_leftovers(job.id);
    drop_oldest(job.uid);
    if (live.empty()) return;
    for (const OnJob& waiter : live.mapped().waiters) waiter(job);
}

// What is left of a job that has ended: its binding, its cgroup, its layer. Nothing here can fail the job any
// more.
void JobService::clear_leftovers(uint64_t id) {
    (void)agent_->unbind(job_name(id));
    if (auto cgroup = JobCgroup::open(*places_.cgroups, job_name(id))) {
        if (auto removed = cgroup->remove(); !removed)
            log(Level::error, "cgroup not removed",
                {{"job", job_name(id)}, {"reason", removed.error().message}});
    }
    clear_layer(id, [name = job_name(id)](const Outcome<void>& removed) {
        if (!removed)
            log(Level::error, "layer not removed", {{"job", name}, {"reason", removed.error().message}});
    });
}

// One removal of a layer at a time: a second one beside it could hit what a restart has made in its place.
void JobService::clear_layer(uint64_t id, OnCleared then) {
    std::vector<OnCleared>& waiting = clearing_[id];
    waiting.push_back(std::move(then));
    if (waiting.size() > 1) return;
    operations_.run(
        "layer of " + job_name(id), kRemoveDeadline, [layer = layer_of(id)] { return remove_tree(layer); },
        [this, id](const Outcome<std::string>& removed) {
            const auto done = clearing_.extract(id);
            for (const OnCleared& told : done.mapped())
                told(removed ? Outcome<void>() : std::unexpected(removed.error()));
        });
}

void JobService::give_up(uint64_t id, const Failure& reason) {
    Live& live = live_[id];
    live.stop_reason = reason.message;
    log(Level::notice, "job given up", {{"job", job_name(id)}, {"reason", reason.message}});
    if (live.cgroup) return end(id);
    Job job = *store_.find(id);
    job.reason = reason.message;
    if (job.state == JobState::running)
        add_run(job.usage, {});  // its cgroup is gone, with all that it counted
    conclude(std::move(job));
}

void JobService::drop_oldest(uint32_t uid) {
    const Job* oldest = nullptr;
    size_t ended = 0;
    for (const auto& [id, job] : store_.all()) {
        if (job.uid != uid || job.state != JobState::ended || job.generation != 0) continue;
        if (oldest == nullptr) oldest = &job;
        ++ended;
    }
    std::vector<uint64_t> kept;
    for (const auto& [id, job] : store_.all())
        if (job.uid == uid && job.state == JobState::ended) kept.push_back(id);
    journals_.trim(kept);
    if (ended <= kEndedJobsMax) return;
    journals_.remove(oldest->id);
    if (auto removed = store_.remove(oldest->id); !removed)
        log(Level::error, "job record not removed", {{"reason", removed.error().message}});
}

}  // namespace xos

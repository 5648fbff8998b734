#include <sys/epoll.h>

#include "common/log.h"
#include "xosd/identity/accounts_writer.h"
#include "xosd/job/job_request.h"
#include "xosd/job/job_service.h"
#include "xosd/session/home_directory.h"

namespace xos {
namespace {

// The agent's word on the loader's exit status may come a moment after the pidfd's.
constexpr auto kStatusGrace = std::chrono::milliseconds(300);
constexpr auto kKillDeadline = std::chrono::seconds(10);
constexpr auto kRemoveDeadline = std::chrono::seconds(60);

std::chrono::sys_seconds now_seconds() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

// What the user's environment must not decide.
void set_variable(std::vector<std::string>& environment, const std::string& name, const std::string& value) {
    std::erase_if(environment, [&](const std::string& item) { return item.starts_with(name + "="); });
    environment.push_back(name + "=" + value);
}

}  // namespace

Outcome<JobService::Live*> JobService::make_live(const Job& job) {
    auto cgroup = JobCgroup::make(cgroups_, job_name(job.id));
    if (!cgroup) return std::unexpected(cgroup.error());
    Live& live = live_[job.id];
    live.cgroup = std::make_unique<JobCgroup>(*std::move(cgroup));
    // bound before the first process is born, so that no event is missed
    if (auto bound = agent_->bind(job_name(job.id), live.cgroup->fd(), live.cgroup->path()); !bound)
        return std::unexpected(bound.error());
    return &live;
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
    spec.layer = job_layer(job.id);
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
    if (const LoginSession* session = parts_.sessions.find_valid(job.uid, now_seconds()))
        spec.credential = JobCredential{session->chain, session->expires - now_seconds()};
    return spec;
}

void JobService::begin(const Job& job, Outcome<Operation> operation,
                       Outcome<ContainerProcess> (*finish)(Operation), OnJob done) {
    const uint64_t id = job.id;
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
    if (!process) {
        give_up(id, process.error());
        return done(std::unexpected(process.error()));
    }
    Job job = *store_.find(id);
    job.state = JobState::running;
    job.pid = process->pid;
    job.start_time = process->start_time;
    job.started = now_seconds();
    job.wait_status.reset();
    job.reason.clear();
    live_[id].process = *std::move(process);
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
    Live& live = live_[id];
    if (auto watched = agent_->watch_main(job_name(id), live.process.pid); !watched) return watched;
    auto source =
        parts_.loop.watch_fd(live.process.pidfd.get(), EPOLLIN, [this, id](uint32_t) { process_ended(id); });
    if (!source) return std::unexpected(source.error());
    live.on_end = *std::move(source);
    return {};
}

void JobService::process_ended(uint64_t id) {
    Live& live = live_[id];
    live.on_end = {};
    if (live.dumping) return;  // checkpointed() goes on when the dump has answered
    const auto record = read_exit_record(job_layer(id));
    if ((record && *record) || live.agent_status) return end(id);
    auto grace = parts_.loop.after(kStatusGrace, [this, id] { end(id); });
    if (!grace) return end(id);
    live.on_grace = *std::move(grace);
}

void JobService::end(uint64_t id) {
    Live& live = live_[id];
    if (live.ending) return;
    live.ending = true;
    auto kill = CgroupKill::start(parts_.loop.get(), *live.cgroup, kKillDeadline,
                                  [this, id](Outcome<void> killed) { ended(id, std::move(killed)); });
    if (!kill) return ended(id, std::unexpected(kill.error()));
    live.kill = *std::move(kill);
}

void JobService::ended(uint64_t id, Outcome<void> killed) {
    Live& live = live_[id];
    if (!killed)
        log(Level::error, "job not ended", {{"job", job_name(id)}, {"reason", killed.error().message}});
    Job job = *store_.find(id);
    job.state = JobState::ended;
    job.ended = now_seconds();
    job.reason = live.stop_reason;
    const auto record = read_exit_record(job_layer(id));
    if (record && *record && (*record)->exec_error == 0)
        job.wait_status = (*record)->wait_status;
    else if (record && *record)
        job.reason = (*record)->message();
    else if (live.stop_reason.empty() && live.agent_status)
        job.wait_status = live.agent_status;
    else if (job.reason.empty())
        job.reason = "its exit status was lost";
    if (const auto usage = live.cgroup->cpu_usage()) job.cpu_usec = usage->total_us;
    if (auto stored = store_.update(job); !stored)
        log(Level::error, "job record not written",
            {{"job", job_name(id)}, {"reason", stored.error().message}});
    log(Level::info, "job ended",
        {{"job", job_name(id)},
         {"user", job.login},
         {"wait_status", job.wait_status ? std::to_string(*job.wait_status) : "unknown"},
         {"cpu_usec", std::to_string(job.cpu_usec)},
         {"reason", job.reason}});
    const auto waiters = std::move(live.waiters);
    recover_leftovers(job);
    for (const OnJob& waiter : waiters) waiter(job);
}

// What is left of a job that has ended: its cgroup, its binding, its layer. Nothing here can fail the job any
// more.
void JobService::recover_leftovers(const Job& job) {
    (void)agent_->unbind(job_name(job.id));
    auto cgroup = JobCgroup::open(cgroups_, job_name(job.id));
    if (cgroup) {
        auto removed = cgroup->remove();
        if (!removed)
            log(Level::error, "cgroup not removed",
                {{"job", job_name(job.id)}, {"reason", removed.error().message}});
    }
    live_.erase(job.id);
    operations_.run(
        "layer of " + job_name(job.id), kRemoveDeadline,
        [layer = job_layer(job.id)]() -> Outcome<std::string> {
            if (auto removed = remove_layer(layer); !removed) return std::unexpected(removed.error());
            return "";
        },
        [name = job_name(job.id)](Outcome<std::string> removed) {
            if (!removed)
                log(Level::error, "layer not removed", {{"job", name}, {"reason", removed.error().message}});
        });
}

void JobService::give_up(uint64_t id, const Failure& reason) {
    Live& live = live_[id];
    live.stop_reason = reason.message;
    if (live.cgroup) return end(id);
    Job job = *store_.find(id);
    job.state = JobState::ended;
    job.ended = now_seconds();
    job.reason = reason.message;
    if (auto stored = store_.update(job); !stored)
        log(Level::error, "job record not written",
            {{"job", job_name(id)}, {"reason", stored.error().message}});
    log(Level::notice, "job not started",
        {{"job", job_name(id)}, {"user", job.login}, {"reason", reason.message}});
    recover_leftovers(job);
}

}  // namespace xos

#include "xosd/job/job_service.h"

#include "common/log.h"
#include "xosd/container/loader_client.h"
#include "xosd/job/job_request.h"
#include "xosd/session/home_directory.h"
#include "xosd/session/login_check.h"

namespace xos {
namespace {

std::chrono::sys_seconds now_seconds() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace

Outcome<std::unique_ptr<JobService>> JobService::start(Parts parts) {
    std::unique_ptr<JobService> service(new JobService(parts));
    if (auto loaded = service->load(); !loaded) return std::unexpected(loaded.error());
    return service;
}

Outcome<void> JobService::load() {
    if (auto loaded = store_.load(); !loaded) return loaded;
    auto base = find_cgroup_base();
    if (!base) return std::unexpected(base.error());
    cgroups_ = *std::move(base);
    auto program = default_agent_program();
    if (!program) return std::unexpected(program.error());
    program->cgroup = cgroups_.agent.get();
    AgentOptions options;
    options.socket_path = kAgentSocket;
    options.program = *program;
    auto agent = AgentClient::start_or_adopt(parts_.loop.get(), options, make_callbacks());
    if (!agent) return std::unexpected(agent.error());
    agent_ = *std::move(agent);
    checkpointer_ = make_criu_checkpointer();
    return recover();
}

AgentCallbacks JobService::make_callbacks() {
    AgentCallbacks callbacks;
    callbacks.on_main_exit = [this](const std::string& job, pid_t, std::optional<int> status) {
        const auto id = parse_job_name(job);
        const auto found = id ? live_.find(*id) : live_.end();
        if (found != live_.end() && status) found->second.agent_status = *status;
    };
    callbacks.on_empty = [](const std::string&) {};
    callbacks.on_event = [](const std::string&, const ProcessEvent&) {};
    callbacks.on_lost = [](const std::string& job, const Lost& loss) {
        log(Level::warning, "process events lost",
            {{"job", job.empty() ? "any" : job},
             {"events", loss.number_known ? std::to_string(loss.events) : "unknown"},
             {"exit_codes_unknown", std::to_string(loss.exit_codes_unknown)}});
    };
    callbacks.on_agent_death = [] { log(Level::warning, "connector agent died; starting a successor"); };
    return callbacks;
}

Outcome<JobService::Owner> JobService::find_member(uint32_t uid) const {
    const auto [vo, member] = parts_.trust.find_uid(uid);
    if (member == nullptr)
        return failure(Errc::denied, "uid {} is no member of a VO that this node accepts", uid);
    Owner owner{vo, member, {}, {}, parts_.trust.make_snapshot(*vo, *member)};
    owner.home = home_path({parts_.config.home_root, vo->bundle.vo.name, member->name, uid, uid});
    for (const GroupEntry& group : owner.accounts.groups) owner.groups.push_back(group.gid);
    return owner;
}

Outcome<JobService::Owner> JobService::authorize(uint32_t uid, Action action) const {
    auto owner = find_member(uid);
    if (!owner) return owner;
    const auto now = now_seconds();
    if (auto member = check_member(*owner->vo, owner->member->name, now); !member)
        return std::unexpected(member.error());
    if (parts_.sessions.find_valid(uid, now) == nullptr)
        return failure(Errc::denied,
                       "no session of {} on this node holds a valid credential: log in with ssh",
                       login_name(*owner->member, *owner->vo));
    const Decision decision = check_policy(*owner->vo, parts_.config.policy, *owner->member, action);
    if (!decision.permit) return failure(Errc::denied, "{}", decision.reason);
    return owner;
}

void JobService::run(uint32_t uid, const Json& parameters, OnJob done) {
    auto owner = authorize(uid, Action::submit);
    if (!owner) {
        log(Level::notice, "job refused", {{"uid", std::to_string(uid)}, {"reason", owner.error().message}});
        return done(std::unexpected(owner.error()));
    }
    auto request = read_job_request(parameters, owner->home);
    if (!request) return done(std::unexpected(request.error()));
    Job job;
    job.login = login_name(*owner->member, *owner->vo);
    job.uid = uid;
    job.request = *std::move(request);
    job.submitted = now_seconds();
    const auto id = store_.add(std::move(job));
    if (!id) return done(std::unexpected(id.error()));
    Job added = *store_.find(*id);
    if (added.request.mode == JobMode::batch && added.request.output.empty()) {
        added.request.output = default_output(owner->home, *id);
        if (auto stored = store_.update(added); !stored) return done(std::unexpected(stored.error()));
    }
    log(Level::info, "job submitted",
        {{"job", job_name(*id)}, {"user", added.login}, {"command", added.request.argv.front()}});
    auto live = make_live(added);
    Outcome<ContainerSpec> spec = live ? make_spec(added, *owner, **live) : std::unexpected(live.error());
    if (!spec) {
        give_up(*id, spec.error());
        return done(std::unexpected(spec.error()));
    }
    begin(added, begin_start(*spec), finish_start, std::move(done));
}

Outcome<Job> JobService::find(uint32_t uid, uint64_t id) const {
    const Job* job = store_.find(id);
    if (job == nullptr || (uid != 0 && uid != job->uid))
        return failure(Errc::not_found, "there is no {} of yours; 'xos jobs --all' lists them", job_name(id));
    return *job;
}

std::vector<Job> JobService::list(uint32_t uid, bool all) const {
    std::vector<Job> jobs;
    for (const auto& [id, job] : store_.all())
        if ((uid == 0 || uid == job.uid) && (all || job.state != JobState::ended)) jobs.push_back(job);
    return jobs;
}

Outcome<UniqueFd> JobService::attach(uint32_t uid, uint64_t id) {
    const auto job = find(uid, id);
    if (!job) return std::unexpected(job.error());
    const auto live = live_.find(id);
    if (job->state != JobState::running || live == live_.end() || live->second.ending)
        return failure(Errc::conflict, "{} is not running", job_name(id));
    if (job->request.mode == JobMode::batch)
        return failure(Errc::invalid, "{} is a batch job: its output is in {}", job_name(id),
                       job->request.output);
    if (live->second.dumping)
        return failure(Errc::conflict, "{} is being checkpointed: try again", job_name(id));
    return connect_loader(live->second.process, job->request.rows, job->request.columns);
}

void JobService::wait(uint32_t uid, uint64_t id, OnJob done) {
    auto job = find(uid, id);
    if (!job || job->state == JobState::ended) return done(std::move(job));
    live_[id].waiters.push_back(std::move(done));
}

void JobService::cancel(uint32_t uid, uint64_t id, OnJob done) {
    auto job = find(uid, id);
    if (!job) return done(std::move(job));
    const auto live = live_.find(id);
    if (job->state == JobState::ended || live == live_.end())
        return done(failure(Errc::conflict, "{} has ended already", job_name(id)));
    live->second.waiters.push_back(std::move(done));
    log(Level::notice, "job cancelled", {{"job", job_name(id)}, {"uid", std::to_string(uid)}});
    // the end of the loader, which the kill brings about, does the rest
    if (auto killed = live->second.cgroup->kill(); !killed)
        log(Level::error, "job not killed", {{"job", job_name(id)}, {"reason", killed.error().message}});
}

void JobService::forget(uint32_t uid, uint64_t id, OnJob done) {
    auto job = find(uid, id);
    if (!job) return done(std::move(job));
    if (job->state != JobState::ended)
        return done(
            failure(Errc::conflict, "{} is {}: cancel it first", job_name(id), job_state_name(job->state)));
    if (auto removed = store_.remove(id); !removed) return done(std::unexpected(removed.error()));
    // the record first: what a crash leaves of the files belongs to no job and goes at the next start
    recover_leftovers(*job);
    operations_.run(
        "checkpoints of " + job_name(id), std::chrono::seconds(60),
        [id]() -> Outcome<std::string> {
            if (auto removed = remove_checkpoints(job_checkpoints(id)); !removed)
                return std::unexpected(removed.error());
            return "";
        },
        [done, job = *job](Outcome<std::string> removed) {
            if (!removed) return done(std::unexpected(removed.error()));
            done(job);
        });
}

void JobService::snapshot(uint32_t uid, uint64_t id, std::function<void(Outcome<JobSnapshot>)> done) {
    const auto job = find(uid, id);
    if (!job) return done(std::unexpected(job.error()));
    if (job->state != JobState::running) return done(JobSnapshot{});
    if (auto asked = agent_->snapshot(job_name(id), done); !asked) done(std::unexpected(asked.error()));
}

}  // namespace xos

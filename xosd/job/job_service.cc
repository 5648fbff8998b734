#include "xosd/job/job_service.h"

#include <algorithm>

#include "common/clock.h"
#include "common/log.h"
#include "xosd/container/loader_client.h"
#include "xosd/job/job_limits.h"
#include "xosd/job/job_request.h"
#include "xosd/session/home_directory.h"
#include "xosd/session/login_check.h"
#include "xosd/tracking/descriptor_store.h"
#include "xosd/trust/node_membership.h"

namespace xos {
namespace {

// What one user can make the node hold for him.
constexpr size_t kRunningJobsMax = 128;
constexpr size_t kWaitersMax = 256;

}  // namespace

Outcome<std::unique_ptr<JobService>> JobService::start(Parts parts, JobPlaces places) {
    std::unique_ptr<JobService> service(new JobService(parts, std::move(places)));
    if (auto loaded = service->load(); !loaded) return std::unexpected(loaded.error());
    return service;
}

Outcome<void> JobService::load() {
    if (auto loaded = store_.load(); !loaded) return loaded;
    if (!places_.cgroups) {
        auto base = find_cgroup_base();
        if (!base) return std::unexpected(base.error());
        places_.cgroups = *std::move(base);
    }
    if (auto started = start_agent(); !started) return started;
    return recover();
}

Outcome<void> JobService::start_agent() {
    if (!places_.agent) {
        auto program = default_agent_program();
        if (!program) return std::unexpected(program.error());
        places_.agent = AgentOptions{.socket_path = kAgentSocket,
                                     .program = *std::move(program),
                                     .kept = take_stored_descriptors(),
                                     .keep = store_descriptors};
    }
    places_.agent->program.cgroup = places_.cgroups->agent.get();
    auto agent = AgentClient::start_or_adopt(parts_.loop.get(), std::move(*places_.agent), make_callbacks());
    if (!agent) return std::unexpected(agent.error());
    agent_ = *std::move(agent);
    return {};
}

AgentCallbacks JobService::make_callbacks() {
    AgentCallbacks callbacks;
    callbacks.on_main_exit = [this](const std::string& job, pid_t, std::optional<int> status) {
        const auto id = parse_job_name(job);
        const auto found = id ? live_.find(*id) : live_.end();
        if (found != live_.end() && status) found->second.agent_status = *status;
    };
    callbacks.on_empty = [](const std::string&) {};
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
    if (member == nullptr) {
        for (const auto& [name, other] : parts_.trust.all())
            if (other->bundle.vo.dissolved && uid >= other->base &&
                uid - other->base < other->bundle.vo.block_size)
                return failure(Errc::denied, "VO {} was dissolved by its manager", name);
        return failure(Errc::denied, "uid {} is no member of a VO that this node accepts", uid);
    }
    Owner owner{vo, member, {}, {}, parts_.trust.make_snapshot(*vo, *member)};
    owner.home = home_path({parts_.config.home_root, vo->bundle.vo.name, member->name, uid, uid});
    for (const GroupEntry& group : owner.accounts.groups) owner.groups.push_back(group.gid);
    // also where root restarts the job of a member
    owner.limits = check_policy(*vo, parts_.config, *member, Action::submit, current_time()).limits;
    return owner;
}

Outcome<JobService::Owner> JobService::authorize(uint32_t uid, std::initializer_list<Action> actions) const {
    auto owner = find_member(uid);
    if (!owner) return owner;
    const auto now = current_time();
    if (auto member = check_member(*owner->vo, owner->member->name, now); !member)
        return std::unexpected(member.error());
    if (!has_credential(*owner, uid, now))
        return failure(
            Errc::denied,
            "no session of {} on this node holds a valid credential, and none is delegated: log in "
            "with ssh",
            login_name(*owner->member, *owner->vo));
    for (const Action action : actions) {
        const PolicyAnswer answer = check_policy(*owner->vo, parts_.config, *owner->member, action, now);
        if (!answer.permit) return failure(Errc::denied, "{}", answer.reason);
    }
    return owner;
}

bool JobService::has_credential(const Owner& owner, uint32_t uid, std::chrono::sys_seconds now) const {
    // where the owner lets sessions go on beyond their credential, they go on whole
    const auto since = parts_.config.sessions.at_expiry == AtExpiry::keep ? kFirstExpiry : now;
    return parts_.sessions.find_valid(uid, since, owner.vo->bundle.revoked_serials,
                                      owner.member->credentials_from) != nullptr ||
           (parts_.delegations != nullptr && parts_.delegations->find_valid(uid, now) != nullptr);
}

// A session's own first: it is the stronger proof that its owner is there.
std::optional<JobCredential> JobService::find_credential(const Owner& owner, uint32_t uid) const {
    const auto now = current_time();
    const LoginSession* session = parts_.sessions.find_valid(uid, now, owner.vo->bundle.revoked_serials,
                                                             owner.member->credentials_from);
    if (session != nullptr) return JobCredential{session->chain, session->expires - now};
    const DelegatedCredential* delegated =
        parts_.delegations != nullptr ? parts_.delegations->find_valid(uid, now) : nullptr;
    if (delegated == nullptr) return std::nullopt;
    return JobCredential{delegated->chain, delegated->expires - now};
}

Outcome<void> JobService::check_quota(uint32_t uid, const Limits& limits) const {
    const auto running = std::ranges::count_if(live_, [&](const auto& entry) {
        const Job* job = store_.find(entry.first);
        return job && job->uid == uid;
    });
    const uint64_t most = std::min<uint64_t>(kRunningJobsMax, limits[Limit::jobs]);
    if (static_cast<uint64_t>(running) < most) return {};
    return failure(Errc::unavailable,
                   "{} of your jobs run on this node, which is the most{}: wait for one or cancel one",
                   running, most < kRunningJobsMax ? " that policy allows you" : "");
}

Outcome<void> JobService::check_vo_serves(const Owner& owner) const {
    if (auto member = check_member(*owner.vo, owner.member->name, current_time()); !member)
        return std::unexpected(member.error());
    return check_takes_jobs(*owner.vo, places_.resources);
}

void JobService::run(uint32_t uid, const Json& parameters, OnJob done) {
    auto owner = authorize(uid, {Action::submit});
    if (owner)
        if (auto serves = check_vo_serves(*owner); !serves) owner = std::unexpected(serves.error());
    if (!owner) {
        log(Level::notice, "job refused", {{"uid", std::to_string(uid)}, {"reason", owner.error().message}});
        return done(std::unexpected(owner.error()));
    }
    if (auto room = check_quota(uid, owner->limits); !room) return done(std::unexpected(room.error()));
    if (auto able = can_hold(owner->limits, places_.cgroups->controllers); !able) {
        log(Level::notice, "job refused", {{"uid", std::to_string(uid)}, {"reason", able.error().message}});
        return done(std::unexpected(able.error()));
    }
    auto request = read_job_request(parameters, owner->home);
    if (!request) return done(std::unexpected(request.error()));
    Job job;
    job.login = login_name(*owner->member, *owner->vo);
    job.uid = uid;
    job.request = *std::move(request);
    job.submitted = current_time();
    job.walltime = walltime_of(owner->limits);
    const auto added = add(*owner, std::move(job));
    if (!added) return done(std::unexpected(added.error()));
    log(Level::info, "job submitted",
        {{"job", job_name(added->id)}, {"user", added->login}, {"command", added->request.argv.front()}});
    auto live = make_live(*added, owner->limits, false);
    Outcome<ContainerSpec> spec = live ? make_spec(*added, *owner, **live) : std::unexpected(live.error());
    if (!spec) {
        give_up(added->id, spec.error());
        return done(std::unexpected(spec.error()));
    }
    begin(*added, begin_start(*spec), finish_start, std::move(done));
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

Outcome<JobService::Live*> JobService::find_running(const Job& job) {
    const auto live = live_.find(job.id);
    // between the loader's end and the job's there is nothing to talk to and nothing to dump
    if (job.state != JobState::running || live == live_.end() || live->second.ending ||
        live->second.cancelled || !live->second.on_end)
        return failure(Errc::conflict, "{} is not running", job_name(job.id));
    return &live->second;
}

Outcome<UniqueFd> JobService::attach(uint32_t uid, uint64_t id) {
    const auto job = find(uid, id);
    if (!job) return std::unexpected(job.error());
    const auto live = find_running(*job);
    if (!live) return std::unexpected(live.error());
    if (job->request.mode == JobMode::batch)
        return failure(Errc::invalid, "{} is a batch job: its output is in {}", job_name(id),
                       job->request.output);
    if ((*live)->dumping) return failure(Errc::conflict, "{} is being checkpointed: try again", job_name(id));
    return connect_loader((*live)->process, job->request.rows, job->request.columns);
}

void JobService::wait(uint32_t uid, uint64_t id, OnJob done) {
    auto job = find(uid, id);
    if (!job || job->state == JobState::ended) return done(std::move(job));
    const auto live = live_.find(id);
    if (live == live_.end())
        return done(
            failure(Errc::system, "the end of {} could not be recorded; see the log of xosd", job_name(id)));
    if (live->second.waiters.size() >= kWaitersMax)
        return done(failure(Errc::unavailable, "{} programs wait for {} already", kWaitersMax, job_name(id)));
    live->second.waiters.push_back(std::move(done));
}

void JobService::cancel(uint32_t uid, uint64_t id, bool now, OnJob done) {
    auto job = find(uid, id);
    if (!job) return done(std::move(job));
    const auto live = live_.find(id);
    if (job->state == JobState::ended || live == live_.end())
        return done(failure(Errc::conflict, "{} has ended already", job_name(id)));
    if (live->second.waiters.size() >= kWaitersMax)
        return done(failure(Errc::unavailable, "{} programs wait for {} already", kWaitersMax, job_name(id)));
    live->second.waiters.push_back(std::move(done));
    log(Level::notice, "job cancelled", {{"job", job_name(id)}, {"uid", std::to_string(uid)}});
    if (job->state == JobState::running) return stop_run(id, "cancelled", now);
    // a run that is being made is given up when it is made
    live->second.cancelled = true;
    kill(id);
}

void JobService::forget(uint32_t uid, uint64_t id, OnJob done) {
    auto job = find(uid, id);
    if (!job) return done(std::move(job));
    if (job->state != JobState::ended)
        return done(
            failure(Errc::conflict, "{} is {}: cancel it first", job_name(id), job_state_name(job->state)));
    if (auto forgotten = forget_checkpoints(id); !forgotten) return done(std::unexpected(forgotten.error()));
    if (auto removed = store_.remove(id); !removed) return done(std::unexpected(removed.error()));
    journals_.remove(id);
    // the record first: what a crash leaves of the files belongs to no job and goes at the next start
    operations_.run(
        "checkpoints of " + job_name(id), kRemoveDeadline,
        [directory = checkpoints_of(id)] { return remove_tree(directory); },
        [done, job = *job](const Outcome<std::string>& removed) {
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

Outcome<UniqueFd> JobService::read_journal(uint32_t uid, uint64_t id) const {
    if (auto job = find(uid, id); !job) return std::unexpected(job.error());
    return journals_.read(id);
}

}  // namespace xos

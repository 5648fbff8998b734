#include <algorithm>
#include <filesystem>

#include "common/log.h"
#include "xosd/checkpoint/frozen_cgroup.h"
#include "xosd/job/job_service.h"

namespace xos {
namespace {

constexpr const char* kSchema[] = {
    "CREATE TABLE checkpoint (job INTEGER NOT NULL, generation INTEGER NOT NULL, digest TEXT NOT NULL,"
    " bytes INTEGER NOT NULL, made INTEGER NOT NULL, PRIMARY KEY (job, generation)) STRICT;",
};

}  // namespace

// What an earlier xosd left, made to agree with its records. Jobs that run go on; what was half begun is
// ended.
Outcome<void> JobService::recover() {
    if (auto migrated = parts_.database.migrate("checkpoint", kSchema); !migrated) return migrated;
    std::vector<Job> jobs;
    for (const auto& [id, job] : store_.all()) jobs.push_back(job);
    for (const Job& job : jobs) recover_job(job);
    for (const std::string& name : agent_->bound_jobs()) {
        const auto id = parse_job_name(name);
        if (id && !live_.contains(*id)) (void)agent_->unbind(name);  // other names are of login sessions
    }
    recover_files();
    return {};
}

void JobService::recover_job(const Job& job) {
    const std::string name = job_name(job.id);
    auto cleared = remove_unfinished_dumps(checkpoints_of(job.id));
    if (cleared) cleared = adopt_checkpoints(job.id);
    if (!cleared)
        log(Level::warning, "checkpoints not examined", {{"job", name}, {"reason", cleared.error().message}});
    auto cgroup = JobCgroup::open(*places_.cgroups, name);
    if (job.state == JobState::ended) {
        if (cgroup) clear_leftovers(job.id);
        return;
    }
    Live& live = live_[job.id];
    if (cgroup) live.cgroup = std::make_unique<JobCgroup>(*std::move(cgroup));
    if (job.state == JobState::running) return recover_running(job);
    give_up(job.id, {Errc::unavailable,
                     compose("xosd ended while it was {}: {}", job_state_name(job.state),
                             job.state == JobState::starting ? "submit it again" : "restart it again")});
}

// One job's trouble is said and does not keep the others from being adopted.
void JobService::recover_running(const Job& job) {
    const std::string name = job_name(job.id);
    Live& live = live_.at(job.id);
    if (!live.cgroup)  // only a reboot takes the cgroup away while the record says running
        return give_up(job.id,
                       {Errc::unavailable, "the machine was restarted: xos restart continues a checkpoint"});
    // a dump that died with xosd has left it frozen
    if (auto thawed = write_cgroup(live.cgroup->fd(), "cgroup.freeze", '0'); !thawed)
        log(Level::error, "job not thawed", {{"job", name}, {"reason", thawed.error().message}});
    const auto bound = agent_->bound_jobs();
    if (std::ranges::find(bound, name) != bound.end())
        agent_->keep_journal(name, open_journal(job.id));
    else if (auto again = agent_->bind(name, live.cgroup->fd(), live.cgroup->path(),
                                       {.journal = open_journal(job.id)});
             !again)
        log(Level::error, "job not tracked", {{"job", name}, {"reason", again.error().message}});
    auto process = open_process(job.pid, job.start_time);
    if (!process)
        return process_ended(job.id);  // while xosd was away: the loader's record or the agent knows how
    live.process = *std::move(process);
    log(Level::info, "job adopted", {{"job", name}, {"pid", std::to_string(job.pid)}});
    live.cancelled = job.kill_at.time_since_epoch().count() != 0;
    if (auto watched = watch(job.id); !watched) return give_up(job.id, watched.error());
    if (!live.cancelled) return;
    // its end was begun: who was asked is not asked again, and who was not has what is left of the time
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(job.kill_at - std::chrono::system_clock::now());
    ask_to_end(job.id, std::clamp(left, std::chrono::milliseconds(0), places_.grace));
}

// Layers and checkpoints whose removal a crash interrupted.
void JobService::recover_files() {
    const auto list = [](const std::string& directory) {
        std::vector<uint64_t> ids;
        std::error_code error;
        for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end;
             at.increment(error))
            if (const auto id = parse_job_name(at->path().filename().string())) ids.push_back(*id);
        if (error)
            log(Level::warning, "cannot list", {{"directory", directory}, {"reason", error.message()}});
        return ids;
    };
    for (const uint64_t id : list(places_.layers))
        if (!live_.contains(id)) clear_layer(id, [](const Outcome<void>&) {});
    for (const uint64_t id : journals_.list())
        if (store_.find(id) == nullptr) journals_.remove(id);
    for (const uint64_t id : list(places_.checkpoints))
        if (store_.find(id) == nullptr)
            operations_.run(
                "checkpoints of " + job_name(id), kRemoveDeadline,
                [directory = checkpoints_of(id)] { return remove_tree(directory); },
                [](const Outcome<std::string>&) {});
}

}  // namespace xos

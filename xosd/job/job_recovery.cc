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
    for (const Job& job : jobs) {
        if (auto removed = remove_unfinished_dumps(job_checkpoints(job.id)); !removed)
            log(Level::warning, "unfinished checkpoint",
                {{"job", job_name(job.id)}, {"reason", removed.error().message}});
        if (job.state == JobState::running) {
            if (auto recovered = recover_running(job); !recovered) return recovered;
        } else if (job.state != JobState::ended) {
            auto cgroup = JobCgroup::open(cgroups_, job_name(job.id));
            if (cgroup) live_[job.id].cgroup = std::make_unique<JobCgroup>(*std::move(cgroup));
            give_up(job.id, Failure{Errc::unavailable, "xosd ended while it was starting: submit it again"});
        }
    }
    // layers whose removal a crash interrupted
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(kJobDir, error)) {
        const auto id = parse_job_name(entry.path().filename().string());
        const Job* job = id ? store_.find(*id) : nullptr;
        if (id && !live_.contains(*id) && (job == nullptr || job->state == JobState::ended))
            operations_.run(
                "layer of " + job_name(*id), std::chrono::seconds(60),
                [layer = entry.path().string()]() -> Outcome<std::string> {
                    if (auto removed = remove_layer(layer); !removed) return std::unexpected(removed.error());
                    return "";
                },
                [](const Outcome<std::string>&) {});
    }
    return {};
}

Outcome<void> JobService::recover_running(const Job& job) {
    auto cgroup = JobCgroup::open(cgroups_, job_name(job.id));
    if (!cgroup) {
        // only a reboot takes the cgroup away while the record says running
        give_up(job.id,
                Failure{Errc::unavailable, "the machine was restarted: xos restart continues a checkpoint"});
        return {};
    }
    Live& live = live_[job.id];
    live.cgroup = std::make_unique<JobCgroup>(*std::move(cgroup));
    // a dump that died with xosd has left it frozen
    if (auto thawed = write_cgroup(live.cgroup->fd(), "cgroup.freeze", '0'); !thawed) return thawed;
    const auto bound = agent_->bound_jobs();
    if (std::ranges::find(bound, job_name(job.id)) == bound.end())
        if (auto again = agent_->bind(job_name(job.id), live.cgroup->fd(), live.cgroup->path()); !again)
            return again;
    auto process = open_process(job.pid, job.start_time);
    if (!process) {
        process_ended(job.id);  // while xosd was away: the loader's record or the agent knows how
        return {};
    }
    live.process = *std::move(process);
    log(Level::info, "job adopted", {{"job", job_name(job.id)}, {"pid", std::to_string(job.pid)}});
    return watch(job.id);
}

}  // namespace xos

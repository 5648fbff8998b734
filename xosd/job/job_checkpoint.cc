#include <fcntl.h>

#include <filesystem>

#include "common/clock.h"
#include "common/log.h"
#include "xosd/checkpoint/digest.h"
#include "xosd/checkpoint/generation.h"
#include "xosd/job/job_limits.h"
#include "xosd/job/job_service.h"

namespace xos {
namespace {

uint64_t size_of_tree(const std::string& directory) {
    uint64_t bytes = 0;
    std::error_code error;
    for (std::filesystem::recursive_directory_iterator at(directory, error), end; !error && at != end;
         at.increment(error))
        if (at->is_regular_file(error)) bytes += at->file_size(error);
    return bytes;
}

}  // namespace

// A number is used once, also where its dump fails: a half-removed directory can never be taken for a newer
// one.
Outcome<uint64_t> JobService::next_generation(uint64_t id) {
    auto insert = parts_.database.prepare(
        "INSERT INTO checkpoint (job, generation, digest, bytes, made) VALUES (?1,"
        " 1 + coalesce((SELECT max(generation) FROM checkpoint WHERE job = ?1), 0), '', 0, 0) RETURNING "
        "generation");
    if (!insert) return std::unexpected(insert.error());
    if (auto bound = insert->bind(static_cast<int64_t>(id)); !bound) return std::unexpected(bound.error());
    auto row = insert->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return failure(Errc::system, "no generation was recorded for {}", job_name(id));
    const auto generation = static_cast<uint64_t>(insert->number(0));
    if (auto last = insert->step(); !last) return std::unexpected(last.error());  // commits
    return generation;
}

Outcome<void> JobService::record_checkpoint(uint64_t id, uint64_t generation, const Checkpoint& checkpoint) {
    auto update = parts_.database.prepare(
        "UPDATE checkpoint SET digest = ?3, bytes = ?4, made = ?5 WHERE job = ?1 AND generation = ?2");
    if (!update) return std::unexpected(update.error());
    if (auto done = update->run(static_cast<int64_t>(id), static_cast<int64_t>(generation),
                                checkpoint.manifest_digest, static_cast<int64_t>(checkpoint.bytes),
                                current_time().time_since_epoch().count());
        !done)
        return done;
    Job job = *store_.find(id);
    job.generation = generation;
    return store_.update(job);
}

Outcome<std::string> JobService::find_digest(uint64_t id, uint64_t generation) {
    auto select = parts_.database.prepare(
        "SELECT digest FROM checkpoint WHERE job = ?1 AND generation = ?2 AND digest != ''");
    if (!select) return std::unexpected(select.error());
    if (auto bound = select->bind(static_cast<int64_t>(id), static_cast<int64_t>(generation)); !bound)
        return std::unexpected(bound.error());
    auto row = select->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return failure(Errc::not_found, "{} has no checkpoint {}", job_name(id), generation);
    return std::string(select->text(0));
}

// A dump that was committed while nobody could record it, because xosd was killed: a generation's directory
// appears by one rename, whole, where only root can write.
Outcome<void> JobService::adopt_checkpoints(uint64_t id) {
    auto select = parts_.database.prepare(
        "SELECT generation FROM checkpoint WHERE job = ?1 AND digest = '' ORDER BY generation");
    if (!select) return std::unexpected(select.error());
    if (auto bound = select->bind(static_cast<int64_t>(id)); !bound) return bound;
    std::vector<uint64_t> unrecorded;
    while (true) {
        const auto row = select->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) break;
        unrecorded.push_back(static_cast<uint64_t>(select->number(0)));
    }
    for (const uint64_t generation : unrecorded) {
        const std::string directory = generation_path(checkpoints_of(id), generation);
        const UniqueFd fd(open(directory.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!fd) continue;  // its dump failed
        auto manifest = digest_file(fd.get(), kManifest);
        if (!manifest) return std::unexpected(manifest.error());
        if (auto recorded = record_checkpoint(id, generation, {manifest->digest, size_of_tree(directory)});
            !recorded)
            return recorded;
        log(Level::notice, "checkpoint recorded late",
            {{"job", job_name(id)}, {"generation", std::to_string(generation)}});
    }
    return {};
}

Outcome<void> JobService::forget_checkpoints(uint64_t id) {
    auto remove = parts_.database.prepare("DELETE FROM checkpoint WHERE job = ?1");
    if (!remove) return std::unexpected(remove.error());
    return remove->run(static_cast<int64_t>(id));
}

void JobService::checkpoint(uint32_t uid, uint64_t id, bool stop, OnCheckpoint done) {
    const auto job = find(uid, id);
    if (!job) return done(std::unexpected(job.error()), 0);
    auto owner = uid == 0 ? find_member(job->uid) : authorize(uid, {Action::checkpoint});
    if (!owner) return done(std::unexpected(owner.error()), 0);
    const auto found = find_running(*job);
    if (!found) return done(std::unexpected(found.error()), 0);
    Live& live = **found;
    if (live.dumping)
        return done(failure(Errc::conflict, "{} is being checkpointed already", job_name(id)), 0);
    if (const auto record = read_exit_record(layer_of(id)); record && *record)
        return done(failure(Errc::conflict, "{} has ended, and what it left is being ended", job_name(id)),
                    0);
    const auto generation = next_generation(id);
    if (!generation) return done(std::unexpected(generation.error()), 0);
    DumpRequest request;
    request.job = job_name(id);
    request.generation = *generation;
    request.directory = checkpoints_of(id);
    request.layer = layer_of(id);
    request.home = owner->home;
    request.uid = job->uid;
    request.inner_root = owner->vo->base;
    request.pid = job->pid;
    request.start_time = job->start_time;
    request.cgroup_fd = live.cgroup->fd();
    request.keep_running = !stop;
    auto operation = places_.checkpointer->start_dump(request);
    Outcome<void> begun =
        operation
            ? operations_.add(*std::move(operation),
                              [this, id, generation = *generation, stop, done](Operation ready) {
                                  checkpointed(id, generation, stop, finish_dump(std::move(ready)), done);
                              })
            : std::unexpected(operation.error());
    if (!begun) return done(std::unexpected(begun.error()), 0);
    live.dumping = true;
    log(Level::info, "checkpoint begun",
        {{"job", job_name(id)}, {"generation", std::to_string(*generation)}});
}

void JobService::checkpointed(uint64_t id, uint64_t generation, bool stop, Outcome<Checkpoint> checkpoint,
                              const OnCheckpoint& done) {
    Live& live = live_.at(id);  // a job does not end while it is being dumped
    live.dumping = false;
    if (checkpoint) {
        if (auto recorded = record_checkpoint(id, generation, *checkpoint); !recorded)
            checkpoint = std::unexpected(recorded.error());
    }
    if (checkpoint) {
        log(Level::info, "checkpoint committed",
            {{"job", job_name(id)},
             {"generation", std::to_string(generation)},
             {"bytes", std::to_string(checkpoint->bytes)}});
        if (stop) live.stop_reason = compose("stopped with checkpoint {}", generation);
    } else {
        log(Level::warning, "checkpoint failed",
            {{"job", job_name(id)}, {"reason", checkpoint.error().message}});
    }
    const bool answer_at_end = checkpoint && stop;
    if (answer_at_end)
        live.waiters.push_back(
            [done, checkpoint, generation](const Outcome<Job>&) { done(checkpoint, generation); });
    // the end of the process, if it came meanwhile, was left to us; it may be the last that is heard of live
    if (!live.on_end)
        process_ended(id);
    else if (live.cancelled)
        stop_run(id, {}, false);  // whoever asked for it meanwhile: it was frozen, and hears of it now
    if (!answer_at_end) done(std::move(checkpoint), generation);
}

void JobService::restart(uint32_t uid, uint64_t id, uint64_t generation, OnJob done) {
    auto job = find(uid, id);
    if (!job) return done(std::move(job));
    if (job->state != JobState::ended)
        return done(failure(Errc::conflict, "{} is {}: only an ended job can be restarted", job_name(id),
                            job_state_name(job->state)));
    // it makes a running job, as a submission does
    const auto owner =
        uid == 0 ? find_member(job->uid) : authorize(uid, {Action::submit, Action::checkpoint});
    if (!owner) return done(std::unexpected(owner.error()));
    if (auto serves = check_vo_serves(*owner); !serves) return done(std::unexpected(serves.error()));
    if (auto room = check_quota(job->uid, owner->limits); !room) return done(std::unexpected(room.error()));
    if (auto able = can_hold(owner->limits, places_.cgroups->controllers); !able)
        return done(std::unexpected(able.error()));
    if (generation == 0) generation = job->generation;
    if (generation == 0)
        return done(failure(Errc::not_found,
                            "{} has no checkpoint: make one with 'xos checkpoint {}' while it runs",
                            job_name(id), job_name(id)));
    const auto digest = find_digest(id, generation);
    if (!digest) return done(std::unexpected(digest.error()));
    Job next = *job;
    next.state = JobState::restarting;
    next.ended = {};
    next.wait_status.reset();
    next.reason.clear();
    next.began_usec = 0;
    next.walltime = walltime_of(owner->limits);
    if (auto stored = store_.update(next); !stored) return done(std::unexpected(stored.error()));
    live_[id];
    stir_(next.uid);
    // the layer of the last run may still be on its way out
    clear_layer(id, [this, next, generation, digest = *digest, done](const Outcome<void>& removed) {
        Outcome<void> go_on = removed;
        if (live_.at(next.id).cancelled)
            go_on = failure(Errc::conflict, "{} was cancelled while it was starting", job_name(next.id));
        if (go_on) return restore(next, generation, digest, done);
        give_up(next.id, go_on.error());
        done(std::unexpected(go_on.error()));
    });
}

void JobService::restore(const Job& job, uint64_t generation, const std::string& digest, OnJob done) {
    const auto owner = find_member(job.uid);
    const auto live =
        owner ? make_live(job, owner->limits, true) : Outcome<Live*>(std::unexpected(owner.error()));
    if (!live) {
        give_up(job.id, live.error());
        return done(std::unexpected(live.error()));
    }
    RestoreRequest request;
    request.job = job_name(job.id);
    request.generation = generation;
    request.directory = checkpoints_of(job.id);
    request.layer = layer_of(job.id);
    request.home = owner->home;
    request.uid = job.uid;
    request.inner_root = owner->vo->base;
    request.cgroup_fd = (*live)->cgroup->fd();
    request.manifest_digest = digest;
    request.credential = find_credential(*owner, job.uid);
    log(Level::info, "job restarting", {{"job", request.job}, {"generation", std::to_string(generation)}});
    begin(job, places_.checkpointer->start_restore(request), finish_restore, std::move(done));
}

}  // namespace xos

// JobService: all jobs of one owner at once.
#include "xosd/job/job_service.h"

namespace xos {

std::map<uint32_t, JobCounts> JobService::count() const {
    std::map<uint32_t, JobCounts> counts;
    for (const auto& [id, job] : store_.all())
        ++(job.state == JobState::ended ? counts[job.uid].ended : counts[job.uid].live);
    return counts;
}

void JobService::forget_all(uint32_t owner, OnCleared done) {
    uint64_t next = 0;
    for (const auto& [id, job] : store_.all())
        if (job.uid == owner && job.state == JobState::ended && next == 0) next = id;
    if (next == 0) return done({});
    // the layer too: its removal may have failed when the job ended
    clear_layer(next, [this, owner, next, done](const Outcome<void>& cleared) {
        if (!cleared) return done(cleared);
        forget(0, next, [this, owner, done](const Outcome<Job>& forgotten) {
            if (!forgotten) return done(std::unexpected(forgotten.error()));
            forget_all(owner, done);
        });
    });
}

}  // namespace xos

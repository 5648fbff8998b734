// The records of jobs.
//
// Owns: the table of jobs in the state database and its picture in memory. Process: xosd.
// Every change is durable when the call returns.
#pragma once

#include <map>

#include "common/sqlite.h"
#include "xosd/job/job.h"

namespace xos {

class JobStore {
  public:
    // The database outlives the store.
    explicit JobStore(Database& database) : database_(&database) {}

    // A record that is damaged is said in the log and read as far as it goes.
    Outcome<void> load();
    // Gives the job its number, never used before. The state is starting.
    Outcome<uint64_t> add(Job job);
    // Writes job over the record of the same id. Errc::conflict: its state may not become that one.
    Outcome<void> update(const Job& job);
    Outcome<void> remove(uint64_t id);

    const Job* find(uint64_t id) const;
    const std::map<uint64_t, Job>& all() const { return jobs_; }

  private:
    Outcome<void> write(const Job& job);

    Database* database_;
    std::map<uint64_t, Job> jobs_;
};

}  // namespace xos

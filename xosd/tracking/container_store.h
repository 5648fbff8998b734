// The records of tracked containers.
//
// Owns: the table of containers in the state database. Process: xosd. A record survives a restart of xosd and
// not one of the machine, which ends the cgroups: it waits for no disk.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "common/sqlite.h"

namespace xos {

struct TrackedContainer {
    std::string name;
    std::string cgroup;  // in the v2 tree, as /proc/PID/cgroup shows it
    uint64_t cgroup_id = 0;
    std::string pattern;  // of the configuration, by which it was found; empty: somebody added it
    std::chrono::sys_seconds since;
};

class ContainerStore {
  public:
    // The database outlives the store.
    explicit ContainerStore(Database& database) : database_(&database) {}

    // Those of this boot; the others are removed.
    Outcome<std::vector<TrackedContainer>> load();
    Outcome<void> add(const TrackedContainer& container);
    Outcome<void> remove(const std::string& name);

  private:
    Database* database_;
    std::string boot_;
};

}  // namespace xos

#include "xosd/tracking/container_store.h"

#include "common/file.h"

namespace xos {
namespace {

constexpr const char* kSchema[] = {
    "CREATE TABLE container (name TEXT PRIMARY KEY, cgroup TEXT NOT NULL, cgroup_id INTEGER NOT NULL,"
    " pattern TEXT NOT NULL, since INTEGER NOT NULL, boot TEXT NOT NULL) STRICT;",
};
constexpr size_t kBootIdMax = 64;

}  // namespace

Outcome<std::vector<TrackedContainer>> ContainerStore::load() {
    if (auto migrated = database_->migrate("container", kSchema); !migrated)
        return std::unexpected(migrated.error());
    auto boot = read_file("/proc/sys/kernel/random/boot_id", kBootIdMax);
    if (!boot) return std::unexpected(boot.error());
    boot_ = *std::move(boot);
    // the number of a cgroup may come again after a boot
    if (auto removed = run_unsynced(*database_, "DELETE FROM container WHERE boot <> ?1", boot_); !removed)
        return std::unexpected(removed.error());
    auto select = database_->prepare("SELECT name, cgroup, cgroup_id, pattern, since FROM container");
    if (!select) return std::unexpected(select.error());
    std::vector<TrackedContainer> found;
    while (true) {
        auto row = select->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) return found;
        found.push_back({std::string(select->text(0)), std::string(select->text(1)),
                         static_cast<uint64_t>(select->number(2)), std::string(select->text(3)),
                         std::chrono::sys_seconds(std::chrono::seconds(select->number(4)))});
    }
}

Outcome<void> ContainerStore::add(const TrackedContainer& container) {
    return run_unsynced(*database_,
                        "INSERT OR REPLACE INTO container (name, cgroup, cgroup_id, pattern, since, boot)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                        container.name, container.cgroup, static_cast<int64_t>(container.cgroup_id),
                        container.pattern, int64_t{container.since.time_since_epoch().count()}, boot_);
}

Outcome<void> ContainerStore::remove(const std::string& name) {
    return run_unsynced(*database_, "DELETE FROM container WHERE name = ?1", name);
}

}  // namespace xos

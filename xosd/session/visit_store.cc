#include "xosd/session/visit_store.h"

namespace xos {
namespace {

constexpr const char* kSchema[] = {
    "CREATE TABLE visit (uid INTEGER NOT NULL, home TEXT NOT NULL, last INTEGER NOT NULL,"
    " PRIMARY KEY (uid, home)) STRICT, WITHOUT ROWID;",
};

}  // namespace

Outcome<void> VisitStore::load() {
    return database_.migrate("visit", kSchema);
}

Outcome<void> VisitStore::note(uint32_t uid, const std::string& home, std::chrono::sys_seconds when) {
    auto insert = database_.prepare(
        "INSERT INTO visit (uid, home, last) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (uid, home) DO UPDATE SET last = excluded.last");
    if (!insert) return std::unexpected(insert.error());
    return insert->run(uid, home, static_cast<int64_t>(when.time_since_epoch().count()));
}

Outcome<bool> VisitStore::knows(uint32_t uid, const std::string& home) {
    auto select = database_.prepare("SELECT 1 FROM visit WHERE uid = ?1 AND home = ?2");
    if (!select) return std::unexpected(select.error());
    if (auto bound = select->bind(uid, home); !bound) return std::unexpected(bound.error());
    return select->step();
}

Outcome<std::vector<Visit>> VisitStore::find(uint32_t uid) {
    auto select = database_.prepare("SELECT home, last FROM visit WHERE uid = ?1 ORDER BY home");
    if (!select) return std::unexpected(select.error());
    if (auto bound = select->bind(uid); !bound) return std::unexpected(bound.error());
    std::vector<Visit> visits;
    for (;;) {
        const auto row = select->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) return visits;
        visits.push_back({std::string(select->text(0)),
                          std::chrono::sys_seconds(std::chrono::seconds(select->number(1)))});
    }
}

Outcome<std::vector<uint32_t>> VisitStore::list(uint32_t first, uint32_t last, size_t max) {
    auto select =
        database_.prepare("SELECT DISTINCT uid FROM visit WHERE uid BETWEEN ?1 AND ?2 ORDER BY uid LIMIT ?3");
    if (!select) return std::unexpected(select.error());
    if (auto bound = select->bind(first, last, static_cast<int64_t>(max)); !bound)
        return std::unexpected(bound.error());
    std::vector<uint32_t> uids;
    for (;;) {
        const auto row = select->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) return uids;
        uids.push_back(static_cast<uint32_t>(select->number(0)));
    }
}

Outcome<void> VisitStore::remove(uint32_t uid, std::chrono::sys_seconds until) {
    auto remove = database_.prepare("DELETE FROM visit WHERE uid = ?1 AND last <= ?2");
    if (!remove) return std::unexpected(remove.error());
    return remove->run(uid, static_cast<int64_t>(until.time_since_epoch().count()));
}

}  // namespace xos

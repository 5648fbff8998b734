#include "common/registry/sqlite_registry.h"

#include "common/encoding.h"

namespace xos {
namespace {

// Keys are compared as bytes (BINARY). The revision counter is a row of its own: the greatest revision in the
// table would go back when its entry is erased.
constexpr const char* kSteps[] = {
    "CREATE TABLE registry (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, revision INTEGER NOT NULL) "
    "  WITHOUT ROWID;"
    "CREATE TABLE registry_revision (only INTEGER PRIMARY KEY CHECK (only = 1), last INTEGER NOT NULL);"
    "INSERT INTO registry_revision VALUES (1, 0);"};

RegistryEntry entry_of(const Statement& row) {
    return {std::string(row.text(0)), std::string(as_text(row.blob(1))),
            static_cast<uint64_t>(row.number(2))};
}

// The first string behind all that begin with prefix; empty: there is none.
std::string end_of(std::string prefix) {
    while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
    if (!prefix.empty()) ++prefix.back();
    return prefix;
}

}  // namespace

Outcome<std::unique_ptr<SqliteRegistry>> SqliteRegistry::open(const std::string& path) {
    auto database = Database::open(path);
    if (!database) return std::unexpected(database.error());
    if (auto done = database->migrate("registry", kSteps); !done) return std::unexpected(done.error());
    return std::unique_ptr<SqliteRegistry>(new SqliteRegistry(std::move(*database)));
}

Outcome<std::optional<RegistryEntry>> SqliteRegistry::get(std::string_view key) {
    auto query = database_.prepare("SELECT key, value, revision FROM registry WHERE key = ?1");
    if (!query) return std::unexpected(query.error());
    if (auto bound = query->bind(key); !bound) return std::unexpected(bound.error());
    const auto row = query->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return std::nullopt;
    return entry_of(*query);
}

Outcome<std::vector<RegistryEntry>> SqliteRegistry::list(std::string_view prefix) {
    const std::string end = end_of(std::string(prefix));
    auto query = database_.prepare(
        "SELECT key, value, revision FROM registry WHERE key >= ?1 AND (?2 = '' OR key < ?2) ORDER BY key");
    if (!query) return std::unexpected(query.error());
    if (auto bound = query->bind(prefix, end); !bound) return std::unexpected(bound.error());
    std::vector<RegistryEntry> entries;
    for (;;) {
        const auto row = query->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) return entries;
        entries.push_back(entry_of(*query));
    }
}

Outcome<uint64_t> SqliteRegistry::next_revision() {
    auto count = database_.prepare("UPDATE registry_revision SET last = last + 1 RETURNING last");
    if (!count) return std::unexpected(count.error());
    const auto row = count->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return failure(Errc::unavailable, "registry: its revision counter is missing");
    return static_cast<uint64_t>(count->number(0));
}

Outcome<void> SqliteRegistry::apply(const RegistryChange& change, int64_t revision) {
    const char* sql = !change.value ? "DELETE FROM registry WHERE key = ?1 AND revision = ?2"
                      : change.revision == 0
                          ? "INSERT INTO registry (key, value, revision) VALUES (?1, ?3, ?4) "
                            "ON CONFLICT DO NOTHING"
                          : "UPDATE registry SET value = ?3, revision = ?4 "
                            "WHERE key = ?1 AND revision = ?2";
    auto statement = database_.prepare(sql);
    if (!statement) return std::unexpected(statement.error());
    const auto expected = static_cast<int64_t>(change.revision);
    const auto run = change.value ? statement->run(change.key, expected, as_bytes(*change.value), revision)
                                  : statement->run(change.key, expected);
    if (!run) return run;
    if (database_.changes() != 1)
        return failure(Errc::conflict, "registry: {} was changed by somebody else meanwhile: try again",
                       change.key);
    return {};
}

Outcome<uint64_t> SqliteRegistry::commit(std::span<const RegistryChange> changes) {
    if (auto good = check_registry_changes(changes); !good) return std::unexpected(good.error());
    auto transaction = Transaction::begin(database_);
    if (!transaction) return std::unexpected(transaction.error());
    const auto revision = next_revision();
    if (!revision) return std::unexpected(revision.error());
    for (const RegistryChange& change : changes)
        if (auto done = apply(change, static_cast<int64_t>(*revision)); !done)
            return std::unexpected(done.error());
    if (auto done = transaction->commit(); !done) return std::unexpected(done.error());
    return *revision;
}

}  // namespace xos

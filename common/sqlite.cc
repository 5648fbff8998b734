#include "common/sqlite.h"

#include <fcntl.h>

#include "libxos/unique_fd.h"

namespace xos {
namespace {

constexpr int kBusyMilliseconds = 5000;

Errc errc_of(int code) {
    switch (code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return Errc::timeout;
        case SQLITE_CONSTRAINT:
            return Errc::conflict;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return Errc::unavailable;
        default:
            return Errc::system;
    }
}

std::unexpected<Failure> sqlite_failure(sqlite3* raw, std::string_view step) {
    const int code = sqlite3_extended_errcode(raw);
    const char* path = sqlite3_db_filename(raw, "main");
    const std::string where = path != nullptr && *path != '\0' ? compose(" in {}", path) : std::string();
    switch (code & 0xff) {
        case SQLITE_FULL:
            return failure(Errc::system, "{}{}: the disk is full; free some space, nothing was changed", step,
                           where);
        case SQLITE_BUSY:
            return failure(Errc::timeout, "{}{}: another program has kept the database locked for {} s", step,
                           where, kBusyMilliseconds / 1000);
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return failure(Errc::unavailable, "{}{}: the database is damaged ({}); restore it from a backup",
                           step, where, sqlite3_errmsg(raw));
        default:
            return failure(errc_of(code), "{}{}: {}", step, where, sqlite3_errmsg(raw));
    }
}

sqlite3* database_of(sqlite3_stmt* statement) {
    return sqlite3_db_handle(statement);
}

}  // namespace

void Statement::reset() {
    sqlite3_reset(raw_.get());
    sqlite3_clear_bindings(raw_.get());
}

Outcome<void> Statement::bind_at(int index, int64_t value) {
    if (sqlite3_bind_int64(raw_.get(), index, value) == SQLITE_OK) return {};
    return sqlite_failure(database_of(raw_.get()), "cannot bind a number");
}

Outcome<void> Statement::bind_at(int index, std::string_view value) {
    // an empty view may have a null pointer, which SQLite would store as NULL
    const char* data = value.data() != nullptr ? value.data() : "";
    if (sqlite3_bind_text64(raw_.get(), index, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8) ==
        SQLITE_OK)
        return {};
    return sqlite_failure(database_of(raw_.get()), "cannot bind a text");
}

Outcome<void> Statement::bind_at(int index, std::span<const uint8_t> value) {
    const void* data = value.data() != nullptr ? static_cast<const void*>(value.data()) : "";
    if (sqlite3_bind_blob64(raw_.get(), index, data, value.size(), SQLITE_TRANSIENT) == SQLITE_OK) return {};
    return sqlite_failure(database_of(raw_.get()), "cannot bind a blob");
}

Outcome<void> Statement::bind_at(int index, std::nullptr_t) {
    if (sqlite3_bind_null(raw_.get(), index) == SQLITE_OK) return {};
    return sqlite_failure(database_of(raw_.get()), "cannot bind NULL");
}

Outcome<bool> Statement::step() {
    const int code = sqlite3_step(raw_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) {
        sqlite3_reset(raw_.get());
        return false;
    }
    auto failed = sqlite_failure(database_of(raw_.get()), "database statement failed");
    sqlite3_reset(raw_.get());  // or its locks would stay
    return failed;
}

Outcome<void> Statement::finish() {
    for (;;) {
        const Outcome<bool> row = step();
        if (!row) return std::unexpected(row.error());
        if (!*row) return {};
    }
}

std::string_view Statement::text(int column) const {
    const unsigned char* data = sqlite3_column_text(raw_.get(), column);
    if (data == nullptr) return {};
    return {reinterpret_cast<const char*>(data),
            static_cast<size_t>(sqlite3_column_bytes(raw_.get(), column))};
}

std::span<const uint8_t> Statement::blob(int column) const {
    const void* data = sqlite3_column_blob(raw_.get(), column);
    if (data == nullptr) return {};
    return {static_cast<const uint8_t*>(data), static_cast<size_t>(sqlite3_column_bytes(raw_.get(), column))};
}

bool Statement::is_null(int column) const {
    return sqlite3_column_type(raw_.get(), column) == SQLITE_NULL;
}

Outcome<Database> Database::open(const std::string& path) {
    if (path != ":memory:") {
        // SQLite would take its mode from the umask; its WAL and index files take theirs from this one
        const UniqueFd made(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!made) return failure_errno(errno, "cannot open the database {}", path);
    }
    Database database;
    sqlite3* raw = nullptr;
    const int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
    database.raw_.reset(raw);
    if (raw == nullptr) return failure(Errc::system, "cannot open the database {}: out of memory", path);
    if (code != SQLITE_OK) return sqlite_failure(raw, compose("cannot open the database {}", path));
    sqlite3_busy_timeout(raw, kBusyMilliseconds);
    const Outcome<void> set = database.execute(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;"
        "CREATE TABLE IF NOT EXISTS schema_parts(part TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT");
    if (!set) return std::unexpected(set.error());
    return database;
}

Outcome<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(raw_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return sqlite_failure(raw_.get(), "cannot prepare a statement");
    return Statement(statement);
}

Outcome<void> Database::execute(const char* sql) {
    if (sqlite3_exec(raw_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
    return sqlite_failure(raw_.get(), "database statement failed");
}

Outcome<void> Database::migrate(std::string_view part, std::span<const char* const> steps) {
    Outcome<Transaction> transaction = Transaction::begin(*this);
    if (!transaction) return std::unexpected(transaction.error());
    Outcome<Statement> read = prepare("SELECT version FROM schema_parts WHERE part = ?1");
    if (!read) return std::unexpected(read.error());
    if (Outcome<void> bound = read->bind(part); !bound) return bound;
    const Outcome<bool> row = read->step();
    if (!row) return std::unexpected(row.error());
    const int64_t version = *row ? read->number(0) : 0;
    read->reset();
    if (version < 0 || static_cast<size_t>(version) > steps.size())
        return failure(
            Errc::conflict,
            "the tables of {} have version {}, this program knows up to {}: it is older than the database; "
            "install the newer version again",
            part, version, steps.size());
    for (size_t i = static_cast<size_t>(version); i < steps.size(); ++i)
        if (Outcome<void> done = execute(steps[i]); !done) return done;
    Outcome<Statement> write = prepare("INSERT OR REPLACE INTO schema_parts VALUES (?1, ?2)");
    if (!write) return std::unexpected(write.error());
    if (Outcome<void> done = write->run(part, static_cast<int64_t>(steps.size())); !done) return done;
    return transaction->commit();
}

Outcome<Transaction> Transaction::begin(Database& database) {
    if (Outcome<void> begun = database.execute("BEGIN IMMEDIATE"); !begun)
        return std::unexpected(begun.error());
    return Transaction(database);
}

Outcome<Transaction> Transaction::begin_unsynced(Database& database) {
    // it cannot be set within a transaction
    if (Outcome<void> set = database.execute("PRAGMA synchronous=NORMAL"); !set)
        return std::unexpected(set.error());
    auto transaction = begin(database);
    if (transaction)
        transaction->unsynced_ = true;
    else
        (void)database.execute("PRAGMA synchronous=FULL");
    return transaction;
}

Transaction::~Transaction() {
    if (database_ == nullptr) return;
    // fails where SQLite has rolled back already (a full disk): that is the wished state
    (void)database_->execute("ROLLBACK");
    end();
}

void Transaction::end() {
    if (unsynced_) (void)database_->execute("PRAGMA synchronous=FULL");
    database_ = nullptr;
}

Outcome<void> Transaction::commit() {
    Outcome<void> done = database_->execute("COMMIT");
    if (done) end();
    return done;
}

}  // namespace xos

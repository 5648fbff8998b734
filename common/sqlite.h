// SQLite, with errors as values and owners for what it hands out.
//
// Owns: connections, prepared statements and transactions. Process: programs only. Trusts: the database file,
// which must lie where only its owner can write; a corrupt one is an error, never a crash. A Database and
// what was made from it belong to one thread. Statements must not outlive their Database.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/failure.h"

namespace xos {

class Statement {
  public:
    // Values are bound to ?1, ?2, ... in order; texts and blobs are copied. Resets the statement first.
    template <typename... Values>
    [[nodiscard]] Outcome<void> bind(const Values&... values) {
        reset();
        int index = 0;
        Outcome<void> done;
        (void)((done = bind_at(++index, values)).has_value() && ...);
        return done;
    }
    // true: a row is there to be read; false: the statement is through (it is reset then and may be bound
    // anew).
    [[nodiscard]] Outcome<bool> step();
    // bind and step to the end, for statements without rows.
    template <typename... Values>
    [[nodiscard]] Outcome<void> run(const Values&... values) {
        if (Outcome<void> bound = bind(values...); !bound) return bound;
        return finish();
    }
    void reset();

    // Of the current row; columns count from 0. Views live until the next step or reset.
    [[nodiscard]] int64_t number(int column) const { return sqlite3_column_int64(raw_.get(), column); }
    [[nodiscard]] std::string_view text(int column) const;
    [[nodiscard]] std::span<const uint8_t> blob(int column) const;
    [[nodiscard]] bool is_null(int column) const;

  private:
    friend class Database;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    explicit Statement(sqlite3_stmt* statement) : raw_(statement) {}
    [[nodiscard]] Outcome<void> bind_at(int index, int64_t value);
    [[nodiscard]] Outcome<void> bind_at(int index, uint32_t value) { return bind_at(index, int64_t{value}); }
    [[nodiscard]] Outcome<void> bind_at(int index, int value) { return bind_at(index, int64_t{value}); }
    [[nodiscard]] Outcome<void> bind_at(int index, uint64_t value) = delete;  // SQLite's integers are signed
    [[nodiscard]] Outcome<void> bind_at(int index, std::string_view value);
    [[nodiscard]] Outcome<void> bind_at(int index, const std::string& value) {
        return bind_at(index, std::string_view(value));
    }
    [[nodiscard]] Outcome<void> bind_at(int index, const char* value) {
        return bind_at(index, std::string_view(value));
    }
    [[nodiscard]] Outcome<void> bind_at(int index, std::span<const uint8_t> value);
    [[nodiscard]] Outcome<void> bind_at(int index, std::nullptr_t);
    template <typename T>
    [[nodiscard]] Outcome<void> bind_at(int index, const std::optional<T>& value) {
        return value ? bind_at(index, *value) : bind_at(index, nullptr);
    }
    [[nodiscard]] Outcome<void> finish();
    std::unique_ptr<sqlite3_stmt, Finalize> raw_;
};

class Database {
  public:
    // Opens path, or makes it with mode 0600: WAL, synchronous=FULL (what is committed survives a power cut),
    // foreign keys on, other connections waited for up to 5 s. ":memory:" is one for tests.
    // Errc::unavailable: not a database, or corrupt; the message names the path.
    [[nodiscard]] static Outcome<Database> open(const std::string& path);

    // Brings the tables of part to the newest version: steps[n] is the SQL from version n to n + 1, run in
    // one transaction with its record. Steps once released never change. Errc::conflict: the file was written
    // by a newer program. Parts share one file; each has its own version in the table schema_parts.
    [[nodiscard]] Outcome<void> migrate(std::string_view part, std::span<const char* const> steps);

    [[nodiscard]] Outcome<Statement> prepare(std::string_view sql);
    // One or more statements without values and rows.
    [[nodiscard]] Outcome<void> execute(const char* sql);
    // Rows that the last INSERT, UPDATE or DELETE changed.
    [[nodiscard]] int64_t changes() const { return sqlite3_changes64(raw_.get()); }
    [[nodiscard]] int64_t last_row_id() const { return sqlite3_last_insert_rowid(raw_.get()); }
    [[nodiscard]] sqlite3* raw() const { return raw_.get(); }

  private:
    struct Close {
        void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
    };
    Database() = default;
    std::unique_ptr<sqlite3, Close> raw_;
};

// BEGIN IMMEDIATE; rolled back where it is not committed. They do not nest.
class Transaction {
  public:
    [[nodiscard]] static Outcome<Transaction> begin(Database& database);
    // For records of what a power cut ends anyway, such as processes: what is committed survives the death of
    // this process, and of the machine only once a later transaction of the other kind is committed. Waits
    // for no disk (sqlite.org/pragma.html, synchronous=NORMAL in WAL mode).
    [[nodiscard]] static Outcome<Transaction> begin_unsynced(Database& database);
    Transaction(Transaction&& other) noexcept
        : database_(std::exchange(other.database_, nullptr)), unsynced_(other.unsynced_) {}
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();
    // After a failure nothing of the transaction has happened.
    [[nodiscard]] Outcome<void> commit();

  private:
    explicit Transaction(Database& database) : database_(&database) {}
    void end();

    Database* database_;
    bool unsynced_ = false;
};

// One statement without rows in such a transaction of its own.
template <typename... Values>
[[nodiscard]] Outcome<void> run_unsynced(Database& database, const char* sql, const Values&... values) {
    auto transaction = Transaction::begin_unsynced(database);
    if (!transaction) return std::unexpected(transaction.error());
    auto statement = database.prepare(sql);
    if (!statement) return std::unexpected(statement.error());
    if (auto done = statement->run(values...); !done) return done;
    return transaction->commit();
}

}  // namespace xos

// The Registry of one machine: a table in an SQLite file.
//
// Owns: the database connection. Process: programs only; several processes may use one file.
// Trusts: the file, which lies in a directory that only its user can write.
#pragma once

#include <memory>

#include "common/registry/registry.h"
#include "common/sqlite.h"

namespace xos {

class SqliteRegistry final : public Registry {
  public:
    // Makes the file, mode 0600, where it is missing.
    static Outcome<std::unique_ptr<SqliteRegistry>> open(const std::string& path);

    Outcome<std::optional<RegistryEntry>> get(std::string_view key) override;
    Outcome<std::vector<RegistryEntry>> list(std::string_view prefix) override;
    Outcome<uint64_t> commit(std::span<const RegistryChange> changes) override;

  private:
    explicit SqliteRegistry(Database database) : database_(std::move(database)) {}
    Outcome<uint64_t> next_revision();
    Outcome<void> apply(const RegistryChange& change, int64_t revision);

    Database database_;
};

}  // namespace xos

// Who was ever here: the last session of each member, and the home that was made for it.
//
// Owns: the table of visits in the state database. Process: xosd. Trusts: its own records. A visit is kept
// until what its member left here is purged.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "common/sqlite.h"

namespace xos {

struct Visit {
    std::string home;
    std::chrono::sys_seconds last;  // when the last session with that home was opened
};

class VisitStore {
  public:
    // The database outlives the store.
    explicit VisitStore(Database& database) : database_(database) {}

    Outcome<void> load();  // once, first
    Outcome<void> note(uint32_t uid, const std::string& home, std::chrono::sys_seconds when);
    Outcome<bool> knows(uint32_t uid, const std::string& home);
    // One a home: a member whose name changed has had several. Empty: never here.
    Outcome<std::vector<Visit>> find(uint32_t uid);
    // Those from first to last who were here, in order, at most max.
    Outcome<std::vector<uint32_t>> list(uint32_t first, uint32_t last, size_t max);
    // Those that are not later than until.
    Outcome<void> remove(uint32_t uid, std::chrono::sys_seconds until);

  private:
    Database& database_;
};

}  // namespace xos

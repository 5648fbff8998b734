// An accounts file in the making: from a snapshot to bytes. Pure but for the random seed.
//
// Owns: the placing of sections and records. Process: xosd. Trusts: nothing; the snapshot is checked.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/failure.h"
#include "libxos/accounts_layout.h"
#include "xosd/identity/accounts_writer.h"

namespace xos {

class AccountsImage {
  public:
    // Whether what is added later (AccountsEditor) finds room in the file.
    enum class Room : uint8_t { none, some };
    // snapshot must outlive the image. Errc::invalid: see build_accounts_file.
    [[nodiscard]] static Outcome<AccountsImage> plan(const AccountsSnapshot& snapshot, Room room);

    // Bytes of the file.
    [[nodiscard]] size_t size() const { return size_; }
    // Writes the file to data, which is size() bytes, zeroed and aligned to 8. Again: the same bytes.
    [[nodiscard]] Outcome<void> write(char* data, uint64_t generation) const;

  private:
    // Lists of lists of numbers: row i is items[starts[i]] to items[starts[i + 1]].
    struct Rows {
        std::vector<uint32_t> starts, items;
        [[nodiscard]] uint32_t count(size_t row) const { return starts[row + 1] - starts[row]; }
        [[nodiscard]] std::span<const uint32_t> row(size_t row) const {
            return std::span(items).subspan(starts[row], count(row));
        }
    };
    explicit AccountsImage(const AccountsSnapshot& snapshot, Room room) : snapshot_(&snapshot), room_(room) {}
    [[nodiscard]] Outcome<void> link_members();
    void add_back_links();
    void sort_entries();
    [[nodiscard]] Outcome<void> find_doubles() const;
    [[nodiscard]] Outcome<void> place_all();
    void place_arrays(uint64_t& unit);
    // The index of the VO in whose block id lies.
    [[nodiscard]] uint32_t vo_of(uint32_t id) const;
    [[nodiscard]] bool is_unlisted(uint32_t group) const;
    [[nodiscard]] uint32_t members_in_record(uint32_t group) const;

    void write_records(char* data) const;
    void write_arrays(char* data) const;
    // The longest chain.
    [[nodiscard]] uint32_t write_tables(char* data) const;
    void write_header(char* data, uint64_t generation) const;
    [[nodiscard]] uint32_t insert(char* data, AccountsSection section, uint64_t hash, uint32_t unit) const;
    [[nodiscard]] const AccountsPlace& place(AccountsSection section) const {
        return places_[static_cast<size_t>(section)];
    }

    const AccountsSnapshot* snapshot_;
    Room room_;
    uint64_t seed_ = 0;
    std::vector<uint32_t> vo_order_, user_order_, group_order_;  // indexes, sorted by id
    std::vector<uint32_t> vo_units_, user_units_, group_units_;  // of the records, by index
    std::vector<AccountsArray> users_of_, groups_of_;            // of the VOs, by index
    std::vector<uint32_t> accounts_of_;                          // how many, of the VOs, by index
    Rows groups_of_users_;                                       // gids
    Rows members_of_groups_;                                     // indexes of accounts, by uid
    AccountsPlace places_[kAccountsSections] = {};
    uint32_t arena_unit_ = 0, arena_used_ = 0;
    size_t size_ = 0;
};

}  // namespace xos

// Changes a published accounts file in place: one member comes, goes or changes, and every process that maps
// the file sees it at its next look-up.
//
// Owns: the writable mapping of the run file, and what is still to be written to the boot copy. Process: xosd
// (root), only while no AccountsWriter replaces the file. Trusts: the file, which the writer made. A change
// is stores to memory: records first, behind the last one, then the slots that name them, each by one release
// store. No reader is wrong between any two of them, so that xosd may die there; its next start makes the
// file anew.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"
#include "libxos/accounts_file.h"
#include "libxos/unique_fd.h"
#include "xosd/identity/accounts_change.h"

namespace xos {

// Bytes that the boot copy does not have yet.
struct BootEdits {
    struct Edit {
        uint64_t offset = 0;
        std::string bytes;
    };
    std::shared_ptr<const UniqueFd> file = nullptr;  // null: there is no boot copy
    std::vector<Edit> records = {}, slots = {};
};

// Writes edits into the boot copy: what was changed outlives a crash of the machine when it returns. Blocks
// for disk syncs: call it from a thread or child. Records are synced before the slots that name them. The
// copy is not mapped for it: a disk that is full is an error here, not a SIGBUS.
[[nodiscard]] Outcome<void> write_edits(const BootEdits& edits);

class AccountsEditor {
  public:
    // The files as AccountsWriter::replace() has left them; boot_path may be empty. Errc::conflict: the boot
    // copy is another file's.
    [[nodiscard]] static Outcome<std::unique_ptr<AccountsEditor>> open(const std::string& run_path,
                                                                       const std::string& boot_path);
    ~AccountsEditor();
    AccountsEditor(const AccountsEditor&) = delete;
    AccountsEditor& operator=(const AccountsEditor&) = delete;

    // Visible to everybody when it returns. Errc::too_small: the file has no room for it and must be
    // replaced; Errc::invalid: as build_accounts_file(). Nothing was changed then.
    [[nodiscard]] Outcome<void> apply(const AccountsChange& change);
    // Whether enumeration shows the account; until the file is made anew. Errc::not_found: there is none.
    [[nodiscard]] Outcome<void> set_listed(uint32_t uid, bool listed);

    // What apply() has changed since the last call.
    [[nodiscard]] BootEdits take_edits();

  private:
    AccountsEditor(void* data, size_t size, const AccountsFile& file);
    [[nodiscard]] bool has_room(const ChangePlan& plan) const;

    // A new record of so many bytes behind the last one, filled by write(data, unit); its unit.
    [[nodiscard]] uint32_t append(size_t bytes, auto write);
    [[nodiscard]] uint64_t load(uint32_t place) const;
    void store(uint32_t place, uint32_t unit, uint16_t tag, bool lasting = true);
    // Of the table section: the slot with a record's unit, 0 where there is none; or else a free one.
    [[nodiscard]] uint32_t find_slot(AccountsSection section, uint64_t hash, uint32_t unit) const;
    [[nodiscard]] uint32_t find_free(AccountsSection section, uint64_t hash) const;
    // old_name with the record old_unit becomes name with the record unit; either may be empty.
    void exchange_name(AccountsSection section, std::string_view old_name, uint32_t old_unit,
                       std::string_view name, uint32_t unit);
    void write_group(const ChangePlan::Group& group);
    void write_account(const ChangePlan::Account& account);

    char* data_;
    size_t size_;
    AccountsHeader header_{};  // as it was mapped
    AccountsRoom* room_;       // in the mapping
    AccountsFile file_;
    BootEdits edits_;
};

}  // namespace xos

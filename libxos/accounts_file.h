// The accounts file as its readers see it: who exists, in which groups, in which VOs.
//
// Owns: look-ups in a mapped accounts file. Process: any, modules included (libc only, no exceptions, no
// allocation). Trusts: that the bytes do not shrink under it (the writer never truncates); not what they say:
// every offset is checked against the mapped size, every slot and record against its check. Errors of all
// look-ups: Errc::not_found where a sound file has no such entry; Errc::unavailable where the file is
// corrupt. No look-up makes a system call. How a process gets at its file: accounts_source.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "libxos/accounts_layout.h"
#include "libxos/result.h"

namespace xos {

// All views point into the file: they live as long as its mapping (a PinnedAccounts). Every text is followed
// by NUL.
struct VoBlock {
    std::string_view vo;
    uint32_t base = 0;                      // first uid
    uint32_t size = 0;                      // ids; the upper quarter is groups
    AccountsArray users = {}, groups = {};  // within the file
};

struct AccountView {
    // Not all of it is cleared: what compilers make of that takes as long as all the rest of a look-up.
    AccountView() {}
    std::string_view name, gecos, home, shell;
    const uint32_t* groups = nullptr;  // gids of its groups, the primary one not among them
    uint32_t group_count, uid, gid;    // set where it was found
    // name NUL gecos NUL home NUL shell NUL in one piece
    [[nodiscard]] std::string_view text() const {
        return {name.data(), static_cast<size_t>(shell.data() - name.data()) + shell.size() + 1};
    }
};

struct GroupView {
    std::string_view name;
    uint32_t gid = 0;
    const uint32_t* members = nullptr;  // numbers; null: whoever is in users
    uint32_t member_count = 0;          // places for AccountsFile::find_member, some may be empty
    uint16_t flags = 0;                 // kGroupOfAll, kGroupUnlisted
    AccountsArray users = {};           // of its VO
};

// A place in an enumeration; plain memory. Default: at the start. It goes by ids, so it stays right when the
// file is changed or replaced between two calls: what is there all the time is given exactly once.
struct AccountsCursor {
    uint32_t after = 0;        // the id given last; 0: none yet
    bool in_accounts = false;  // of groups: the VOs' groups are through, now the accounts' private groups
};

class AccountsFile {
  public:
    AccountsFile() = default;
    // A view of size bytes at data (aligned to 8), which it does not own. Errc::unavailable: no accounts file
    // of this ABI, or corrupt. Whether it is retired is the caller's question.
    static Result<AccountsFile> attach(const void* data, size_t size);

    // Accepted VOs only.
    [[nodiscard]] Result<VoBlock> find_vo(std::string_view vo) const;
    [[nodiscard]] Result<AccountView> find_user(std::string_view name) const;
    [[nodiscard]] Result<AccountView> find_user(uint32_t uid) const;
    // An account whose gid is its uid has a private group of its own name, which no record of its own holds.
    [[nodiscard]] Result<GroupView> find_group(std::string_view name) const;
    [[nodiscard]] Result<GroupView> find_group(uint32_t gid) const;
    // Who is at the place index (below member_count) of a group of this file; Errc::not_found: nobody.
    [[nodiscard]] Result<AccountView> find_member(const GroupView& group, uint32_t index) const;

    // The entry behind the cursor, ordered by id; advances it. Errc::not_found: there are no more.
    [[nodiscard]] Result<VoBlock> next_vo(AccountsCursor& cursor) const;
    // Accounts that are listed.
    [[nodiscard]] Result<AccountView> next_user(AccountsCursor& cursor) const;
    [[nodiscard]] Result<GroupView> next_group(AccountsCursor& cursor) const;

    // Whether another file has taken this one's place. One load.
    [[nodiscard]] bool is_retired() const;
    [[nodiscard]] uint64_t generation() const;
    [[nodiscard]] const void* data() const { return data_; }
    [[nodiscard]] size_t size() const { return size_; }

  private:
    // What a look-up steps through; views are filled in place, as copies of them would cost more than the
    // finding.
    enum class Step : uint8_t { found, missing, corrupt };
    // The record of kind at unit, checked; its size goes to *size. nullptr: corrupt.
    [[nodiscard]] const char* find_record(uint32_t unit, AccountsRecordKind kind, uint32_t* size) const;
    [[nodiscard]] bool read(uint32_t unit, VoBlock* block) const;
    [[nodiscard]] bool read(uint32_t unit, AccountView* account) const;
    [[nodiscard]] bool read(uint32_t unit, GroupView* group) const;
    // false: the slot, which must lie within the file, is corrupt.
    [[nodiscard]] bool load_slot(uint32_t place, uint64_t* slot) const;
    // Whether array lies within the file and holds numbers below numbers only.
    [[nodiscard]] bool is_inside(const AccountsArray& array, uint32_t numbers) const;
    [[nodiscard]] const AccountsPlace& place(AccountsSection section) const {
        return places_[static_cast<size_t>(section)];
    }
    // The entry of section that accepts() takes.
    template <typename View>
    [[nodiscard]] Step search(AccountsSection section, uint64_t hash, View* view, auto accepts) const;
    [[nodiscard]] uint32_t count_blocks() const { return place(AccountsSection::vo_list).slots; }
    [[nodiscard]] const AccountsBlock& block_at(uint32_t index) const;
    // Of all blocks, once: they never change, and each look-up by id needs one.
    [[nodiscard]] bool are_blocks_sound() const;
    // A copy; false: it leads out of the file.
    [[nodiscard]] bool read_block(uint32_t index, AccountsBlock* block) const;
    // The number of blocks that start at id or before.
    [[nodiscard]] uint32_t find_place(uint32_t id) const;
    // The block in which id lies.
    [[nodiscard]] Step find_block(uint32_t id, AccountsBlock* block) const;
    [[nodiscard]] Step find_account(uint32_t uid, AccountView* account) const;
    // What stands at number in array.
    template <typename View>
    [[nodiscard]] Step read_number(const AccountsArray& array, uint32_t number, View* view,
                                   uint16_t flags = 0) const;
    // The first listed entry of the arrays behind cursor.
    template <typename View>
    [[nodiscard]] Step walk(AccountsCursor& cursor, View* view, auto array_of, auto accepts) const;

    const char* data_ = nullptr;
    size_t size_ = 0;
    // Copies of what attach() has checked: the mapped header is not believed a second time.
    uint64_t seed_ = 0;
    uint32_t arena_unit_ = 0, arena_units_ = 0;
    uint32_t probe_max_ = 0;
    AccountsPlace places_[kAccountsSections] = {};
};

}  // namespace xos

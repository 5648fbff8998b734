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
    uint32_t base = 0;  // first uid
    uint32_t size = 0;  // ids; the upper quarter is groups
};

struct AccountView {
    std::string_view name, gecos, home, shell;
    uint32_t uid = 0, gid = 0;
    std::string_view text;             // name NUL gecos NUL home NUL shell NUL in one piece
    const uint32_t* groups = nullptr;  // gids of its groups, the primary one not among them
    uint32_t group_count = 0;
};

struct GroupView {
    std::string_view name;
    uint32_t gid = 0;
    const uint32_t* members = nullptr;  // for AccountsFile::find_member
    uint32_t member_count = 0;
};

// A place in an enumeration; plain memory. Default: at the start. It stays right when the file is replaced
// between two calls: what is there all the time is given exactly once.
struct AccountsCursor {
    uint64_t seed = 0;   // of the file that index belongs to
    uint32_t index = 0;  // next slot there
    uint32_t after = 0;  // the id given last
    bool started = false;
    bool in_accounts = false;  // of groups: the listed groups are through, now the accounts' private groups
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
    // Member number index (below member_count) of a group of this file.
    [[nodiscard]] Result<AccountView> find_member(const GroupView& group, uint32_t index) const;

    // The entry at the cursor, ordered by id; advances it. Errc::not_found: there are no more.
    [[nodiscard]] Result<VoBlock> next_vo(AccountsCursor& cursor) const;
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
    [[nodiscard]] uint64_t load_slot(AccountsSection section, uint32_t index) const;
    [[nodiscard]] const AccountsPlace& place(AccountsSection section) const {
        return places_[static_cast<size_t>(section)];
    }
    // The entry of section that accepts() takes.
    template <typename View>
    [[nodiscard]] Step search(AccountsSection section, uint64_t hash, View* view, auto accepts) const;
    template <typename View>
    [[nodiscard]] Step walk(AccountsSection section, AccountsCursor& cursor, View* view, auto id_of) const;
    template <typename View>
    [[nodiscard]] bool read_at(AccountsSection section, uint32_t index, View* view) const;

    const char* data_ = nullptr;
    size_t size_ = 0;
    // Copies of what attach() has checked: the mapped header is not believed a second time.
    uint64_t seed_ = 0;
    uint32_t arena_unit_ = 0, arena_units_ = 0;
    uint32_t probe_max_ = 0;
    AccountsPlace places_[kAccountsSections] = {};
};

}  // namespace xos

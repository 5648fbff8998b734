// The one mapping of the accounts file that a process keeps, and its pins.
//
// Owns: mapping, unmapping and replacing the file under running readers. Process: any, modules included.
// Trusts: a regular file that only root can have written: owner 0 (or, in a user namespace, an owner from
// outside of it: see is_trusted_owner in accounts_source.cc), not writable for others.
//
// After the first call a pin makes no system call while the file stays in its place: a retired file is
// noticed by one load. No lock, no allocation, no file descriptor kept, so a call may be made from any
// thread, in a signal handler, and in a child that was forked in the middle of another thread's call: the
// counts of pins lie in memory that a fork wipes (MADV_WIPEONFORK), the mapping itself is inherited.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "libxos/accounts_file.h"
#include "libxos/names.h"
#include "libxos/result.h"

namespace xos {

class AccountsSource;

// An accounts file that stays mapped for as long as this lives. Keep it short: no I/O while it is held.
class PinnedAccounts : public AccountsFile {
    struct Pin {
        AccountsSource* source = nullptr;  // null: a mapping of its own, unmapped with this
        uint64_t current = 0;              // AccountsSource::current_ when it was pinned
        uint64_t incarnation = 0;
        size_t stripe = 0;
    };

  public:
    // Only who can name a Pin can make one: AccountsSource and map_accounts.
    PinnedAccounts(const AccountsFile& file, const Pin& pin) : AccountsFile(file), pin_(pin) {}
    PinnedAccounts(PinnedAccounts&& other) noexcept;
    PinnedAccounts& operator=(PinnedAccounts&&) = delete;
    PinnedAccounts(const PinnedAccounts&) = delete;
    PinnedAccounts& operator=(const PinnedAccounts&) = delete;
    ~PinnedAccounts();

  private:
    friend class AccountsSource;
    friend Result<PinnedAccounts> map_accounts(const char* path);
    Pin pin_;
};

class AccountsSource {
  public:
    // path is tried first, boot_path where there is no path. Both must outlive this.
    constexpr AccountsSource(const char* path, const char* boot_path) : path_(path), boot_path_(boot_path) {}
    AccountsSource(const AccountsSource&) = delete;
    AccountsSource& operator=(const AccountsSource&) = delete;

    // Errc::unavailable: absent, unreadable, not root's, corrupt or of another ABI; Error::sys says why where
    // the system did. Leaves errno as it was.
    [[nodiscard]] Result<PinnedAccounts> pin();

  private:
    friend class PinnedAccounts;
    static constexpr size_t kSlots = 8;     // mappings at once; a ninth is private to its call
    static constexpr size_t kStripes = 16;  // counters per mapping, so that threads do not share a cache line
    struct Guards;
    // busy states carry the incarnation that set them: one left behind by a fork is known to be dead
    struct Slot {
        std::atomic<uint64_t> state{0};
        AccountsFile file;
    };

    [[nodiscard]] Result<Guards*> find_guards();
    [[nodiscard]] Result<AccountsFile> map_file() const;
    [[nodiscard]] Result<PinnedAccounts> replace(uint64_t expected, Guards& guards, uint64_t incarnation);
    [[nodiscard]] int claim_slot(uint64_t incarnation);
    void reclaim(size_t slot, Guards& guards);
    void leave(const PinnedAccounts::Pin& pin);

    const char* path_;
    const char* boot_path_;
    std::atomic<uint64_t> current_{0};  // a serial number << 8 | slot + 1; 0: none yet
    std::atomic<uint64_t> incarnations_{0};
    std::atomic<Guards*> guards_{nullptr};
    Slot slots_[kSlots];
};

// Pins the accounts file of this machine (kAccountsFile, before xosd has started kAccountsBootFile).
[[nodiscard]] Result<PinnedAccounts> pin_accounts();
// A mapping of its own of the file at path, under the same checks: for programs that look into another root.
[[nodiscard]] Result<PinnedAccounts> map_accounts(const char* path);

}  // namespace xos

#include "libxos/accounts_source.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>

#include <new>

#include "libxos/errno_guard.h"
#include "libxos/unique_fd.h"

namespace xos {
namespace {

constexpr uid_t kOverflowUid = 65534;  // what stat(2) shows for owners that a user namespace does not map
constexpr int kOpenTries =
    16;  // a file that is retired between open and map was just replaced: take the next

// State of a slot: an incarnation << 2 | one of these.
constexpr uint64_t kFree = 0, kMapped = 1, kBusy = 2, kStateMask = 3;

// Whether inside-id uid belongs to this user namespace. Unreadable or odd: yes, the careful answer.
bool is_mapped_here(uid_t uid) {
    const UniqueFd fd(open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) return true;
    char text[4096];
    const ssize_t size = read(fd.get(), text, sizeof text);
    if (size <= 0 || size == sizeof text) return true;
    // lines of "inside outside count", numbers in columns (user_namespaces(7))
    uint64_t numbers[3] = {};
    int field = 0;
    bool in_number = false;
    for (const char c : std::string_view(text, static_cast<size_t>(size))) {
        if (c >= '0' && c <= '9') {
            if (field > 2) return true;
            numbers[field] = (numbers[field] * 10 + static_cast<uint64_t>(c - '0')) & 0xffffffffff;
            in_number = true;
            continue;
        }
        field += in_number ? 1 : 0;
        in_number = false;
        if (c != '\n') continue;
        if (field != 3 || (uid >= numbers[0] && uid - numbers[0] < numbers[2])) return true;
        field = 0;
        numbers[0] = numbers[1] = numbers[2] = 0;
    }
    return field != 0;
}

// Root's file; or, in a job's user namespace that maps neither root nor 65534, one whose owner is nobody of
// that namespace, and so was put there by whoever made the job's root. Where 65534 is an id of the namespace
// it may be a plain user's file, and is refused. /proc is read once per mapping and only in such a namespace.
bool is_trusted_owner(const struct stat& st) {
    if (st.st_uid == 0) return true;
    return st.st_uid == kOverflowUid && !is_mapped_here(kOverflowUid);
}

Result<AccountsFile> map_path(const char* path) {
    const UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    if (!fd) return std::unexpected(Error{Errc::unavailable, errno, "cannot open the accounts file"});
    struct stat st{};
    if (fstat(fd.get(), &st) != 0)
        return std::unexpected(Error{Errc::unavailable, errno, "fstat accounts file"});
    if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 || !is_trusted_owner(st))
        return fail(Errc::unavailable, "accounts file: not root's own");
    if (st.st_size < static_cast<off_t>(sizeof(AccountsHeader)) ||
        st.st_size > static_cast<off_t>(kAccountsSizeMax))
        return fail(Errc::unavailable, "accounts file: size");
    const auto size = static_cast<size_t>(st.st_size);
    void* data = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (data == MAP_FAILED) return std::unexpected(Error{Errc::unavailable, errno, "mmap accounts file"});
    Result<AccountsFile> file = AccountsFile::attach(data, size);
    if (!file) munmap(data, size);
    return file;
}

void unmap(const AccountsFile& file) {
    munmap(const_cast<void*>(file.data()), file.size());
}

// Adds to a count of pins. With one thread there is nobody to order it against but its own signal handlers:
// one instruction is all that those need. A locked one costs as much as a fifth of a look-up, twice.
void add(std::atomic<uint32_t>& pins, uint32_t number) {
#ifdef __x86_64__
    if (__libc_single_threaded != 0) {
        __asm__ volatile("addl %1, %0" : "+m"(pins) : "ir"(number) : "memory", "cc");
        return;
    }
#endif
    pins.fetch_add(number, std::memory_order_seq_cst);
}

// A number for the calling thread that costs no thread-local variable (those would need ld.so's help).
size_t find_stripe(size_t stripes) {
    const auto thread = reinterpret_cast<uintptr_t>(__builtin_thread_pointer());
    return (thread * 0x9E3779B97F4A7C15 >> 32) % stripes;
}

}  // namespace

// In memory of its own that the kernel zeroes in a forked child.
struct AccountsSource::Guards {
    std::atomic<uint64_t> incarnation;  // 0: just wiped
    struct alignas(64) Counter {
        std::atomic<uint32_t> pins;
    };
    Counter counters[kSlots][kStripes];

    bool is_idle(size_t slot) const {
        for (const Counter& counter : counters[slot])
            if (counter.pins.load(std::memory_order_seq_cst) != 0) return false;
        return true;
    }
};

Result<AccountsSource::Guards*> AccountsSource::find_guards() {
    Guards* guards = guards_.load(std::memory_order_acquire);
    if (guards == nullptr) {
        const ErrnoGuard guard;
        void* memory =
            mmap(nullptr, sizeof(Guards), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return std::unexpected(Error{Errc::unavailable, errno, "mmap"});
        if (madvise(memory, sizeof(Guards), MADV_WIPEONFORK) != 0) {
            const int sys = errno;
            munmap(memory, sizeof(Guards));
            return std::unexpected(Error{Errc::unavailable, sys, "madvise"});
        }
        auto* made = new (memory) Guards;
        if (guards_.compare_exchange_strong(guards, made, std::memory_order_acq_rel))
            guards = made;
        else
            munmap(memory, sizeof(Guards));
    }
    uint64_t incarnation = guards->incarnation.load(std::memory_order_acquire);
    if (incarnation == 0) {
        const uint64_t next = incarnations_.fetch_add(1, std::memory_order_relaxed) + 1;
        guards->incarnation.compare_exchange_strong(incarnation, next, std::memory_order_acq_rel);
    }
    return guards;
}

Result<PinnedAccounts> AccountsSource::pin() {
    for (;;) {
        const Result<Guards*> found = find_guards();
        if (!found) return std::unexpected(found.error());
        Guards& guards = **found;
        const uint64_t incarnation = guards.incarnation.load(std::memory_order_relaxed);
        const uint64_t current = current_.load(std::memory_order_acquire);
        if (current != 0) {
            const size_t slot = (current & 0xff) - 1;
            const size_t stripe = find_stripe(kStripes);
            std::atomic<uint32_t>& pins = guards.counters[slot][stripe].pins;
            add(pins, 1);
            if (current_.load(std::memory_order_seq_cst) != current) {
                // the pin may have come too late to be seen by whoever unmaps this slot
                add(pins, ~uint32_t{0});
                continue;
            }
            const AccountsFile& file = slots_[slot].file;
            // made in its place: every copy of it would show in the cost of a look-up
            if (!file.is_retired())
                return Result<PinnedAccounts>(std::in_place, file,
                                              PinnedAccounts::Pin{this, current, incarnation, stripe});
            leave({this, current, incarnation, stripe});
        }
        Result<PinnedAccounts> replaced = replace(current, guards, incarnation);
        if (replaced || replaced.error().code != Errc::conflict) return replaced;
    }
}

Result<AccountsFile> AccountsSource::map_file() const {
    for (int i = 0; i < kOpenTries; ++i) {
        Result<AccountsFile> file = map_path(path_);
        if (!file && (file.error().sys == ENOENT || file.error().sys == ENOTDIR)) file = map_path(boot_path_);
        if (!file || !file->is_retired()) return file;
        unmap(*file);
    }
    return fail(Errc::unavailable, "accounts file: retired");
}

int AccountsSource::claim_slot(uint64_t incarnation) {
    for (size_t i = 0; i < kSlots; ++i) {
        uint64_t state = slots_[i].state.load(std::memory_order_acquire);
        const bool left_by_fork = (state & kStateMask) == kBusy && state >> 2 != incarnation;
        if ((state & kStateMask) != kFree && !left_by_fork) continue;
        // a fork can leave even the current slot busy: reclaim() had looked at it too early and was about to
        // let go
        if ((current_.load(std::memory_order_seq_cst) & 0xff) == i + 1) continue;
        if (slots_[i].state.compare_exchange_strong(state, incarnation << 2 | kBusy,
                                                    std::memory_order_acq_rel))
            return static_cast<int>(i);
    }
    return -1;
}

// Makes the file that lies at the paths the current one in place of expected. Errc::conflict: another thread
// was faster, take its file.
Result<PinnedAccounts> AccountsSource::replace(uint64_t expected, Guards& guards, uint64_t incarnation) {
    const ErrnoGuard guard;
    const Result<AccountsFile> file = map_file();
    if (!file) return std::unexpected(file.error());
    const int claimed = claim_slot(incarnation);
    if (claimed < 0) return PinnedAccounts(*file, {});
    const auto slot = static_cast<size_t>(claimed);
    const size_t stripe = find_stripe(kStripes);
    slots_[slot].file = *file;
    // pinned before anybody can see it mapped, or a reclaim() could take it away
    guards.counters[slot][stripe].pins.fetch_add(1, std::memory_order_seq_cst);
    slots_[slot].state.store(incarnation << 2 | kMapped, std::memory_order_seq_cst);
    const uint64_t next = ((expected >> 8) + 1) << 8 | (slot + 1);
    PinnedAccounts pinned(*file, {this, next, incarnation, stripe});
    if (!current_.compare_exchange_strong(expected, next, std::memory_order_seq_cst))
        return fail(Errc::conflict, "");
    for (size_t i = 0; i < kSlots; ++i) reclaim(i, guards);
    return pinned;
}

// Unmaps slot's file where nobody can use it any more.
void AccountsSource::reclaim(size_t slot, Guards& guards) {
    uint64_t state = slots_[slot].state.load(std::memory_order_acquire);
    if ((state & kStateMask) != kMapped) return;
    if ((current_.load(std::memory_order_seq_cst) & 0xff) == slot + 1 || !guards.is_idle(slot)) return;
    const uint64_t busy = guards.incarnation.load(std::memory_order_relaxed) << 2 | kBusy;
    if (!slots_[slot].state.compare_exchange_strong(state, busy, std::memory_order_acq_rel)) return;
    // between the look and the claim the slot may have been unmapped, filled anew and made current
    if ((current_.load(std::memory_order_seq_cst) & 0xff) == slot + 1 || !guards.is_idle(slot)) {
        slots_[slot].state.store(state, std::memory_order_release);
        return;
    }
    unmap(slots_[slot].file);
    slots_[slot].state.store(kFree, std::memory_order_release);
}

void AccountsSource::leave(const PinnedAccounts::Pin& pin) {
    Guards& guards = *guards_.load(std::memory_order_acquire);
    // a child that was forked by a signal handler within a pin: the wipe has taken the pin back already
    if (guards.incarnation.load(std::memory_order_relaxed) != pin.incarnation) return;
    const size_t slot = (pin.current & 0xff) - 1;
    add(guards.counters[slot][pin.stripe].pins, ~uint32_t{0});
    if (current_.load(std::memory_order_seq_cst) == pin.current) return;
    const int saved = errno;
    reclaim(slot, guards);
    errno = saved;
}

PinnedAccounts::PinnedAccounts(PinnedAccounts&& other) noexcept : AccountsFile(other), pin_(other.pin_) {
    static_cast<AccountsFile&>(other) = AccountsFile();
}

PinnedAccounts::~PinnedAccounts() {
    if (data() == nullptr) return;
    if (pin_.source != nullptr) {
        pin_.source->leave(pin_);
        return;
    }
    const int saved = errno;
    unmap(*this);
    errno = saved;
}

Result<PinnedAccounts> pin_accounts() {
    static constinit AccountsSource source(kAccountsFile, kAccountsBootFile);
    return source.pin();
}

Result<PinnedAccounts> map_accounts(const char* path) {
    const Result<AccountsFile> file = map_path(path);
    if (!file) return std::unexpected(file.error());
    PinnedAccounts mapped(*file, {});
    if (mapped.is_retired()) return fail(Errc::unavailable, "accounts file: retired");
    return mapped;
}

}  // namespace xos

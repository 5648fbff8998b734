#include <cstdlib>

#include "libxos/accounts_source.h"
#include "libxos/errno_guard.h"
#include "nss_xos/buffer_packer.h"
#include "nss_xos/entries.h"

namespace xos {
namespace {

constexpr long kFirstGroups = 16;
char kNoGroupPassword[] = "*";  // never written; group(5) has it for groups that nobody joins with newgrp

// Calls take(name) for every member until it says false; places that hold nobody are passed over.
Result<void> for_each_member(const AccountsFile& accounts, const GroupView& found, auto take) {
    for (uint32_t i = 0; i < found.member_count; ++i) {
        const Result<AccountView> member = accounts.find_member(found, i);
        if (!member && member.error().code == Errc::not_found) continue;
        if (!member) return fail(Errc::unavailable, "accounts file: member");
        if (!take(member->name)) return {};
    }
    return {};
}

Result<void> pack(const AccountsFile& accounts, const GroupView& found, group* entry, char* buffer,
                  size_t size) {
    size_t count = 0;
    const auto counted = for_each_member(accounts, found, [&](std::string_view) {
        ++count;
        return count < size / sizeof(char*);  // with one more it will not fit
    });
    if (!counted) return counted;
    BufferPacker packer(buffer, size);
    char** members = packer.reserve_pointers(count + 1);
    char* name = members != nullptr ? packer.put_text(found.name) : nullptr;
    char* password = name != nullptr ? packer.put_text(kNoGroupPassword) : nullptr;
    if (password == nullptr) return fail(Errc::too_small, "");
    size_t filled = 0;
    bool fits = true;
    // who has come since the count is left for the next look-up
    const auto packed = for_each_member(accounts, found, [&](std::string_view member) {
        if (filled == count) return false;
        members[filled] = packer.put_text(member);
        fits = members[filled] != nullptr;
        filled += fits ? 1 : 0;
        return fits;
    });
    if (!packed) return packed;
    if (!fits) return fail(Errc::too_small, "");
    members[filled] = nullptr;
    entry->gr_name = name;
    entry->gr_passwd = password;
    entry->gr_gid = found.gid;
    entry->gr_mem = members;
    return {};
}

// Doubles *groups within limit; false where the limit is reached.
Result<bool> grow(long* size, gid_t** groups, long limit) {
    if (limit > 0 && *size >= limit) return false;
    long wanted = *size > 0 ? *size * 2 : kFirstGroups;
    if (limit > 0 && wanted > limit) wanted = limit;
    const ErrnoGuard guard;
    void* larger = realloc(*groups, static_cast<size_t>(wanted) * sizeof(gid_t));
    if (larger == nullptr) return std::unexpected(Error{Errc::unavailable, ENOMEM, "realloc"});
    *groups = static_cast<gid_t*>(larger);
    *size = wanted;
    return true;
}

}  // namespace

Result<void> get_group(const char* name, group* entry, char* buffer, size_t size) {
    const std::string_view wanted = at_a_glance(name);
    if (wanted.data() == nullptr) return fail(Errc::not_found, "");
    const Result<PinnedAccounts> accounts = pin_accounts();
    if (!accounts) return std::unexpected(settle(wanted, accounts.error()));
    const Result<GroupView> found = accounts->find_group(wanted);
    if (!found) return std::unexpected(settle(wanted, found.error()));
    return pack(*accounts, *found, entry, buffer, size);
}

Result<void> get_group(uint32_t gid, group* entry, char* buffer, size_t size) {
    if (!is_our_id(gid)) return fail(Errc::not_found, "");
    const Result<PinnedAccounts> accounts = pin_accounts();
    if (!accounts) return std::unexpected(accounts.error());
    const Result<GroupView> found = accounts->find_group(gid);
    if (!found) return std::unexpected(found.error());
    return pack(*accounts, *found, entry, buffer, size);
}

Result<void> get_next_group(AccountsCursor& cursor, group* entry, char* buffer, size_t size) {
    const Result<PinnedAccounts> accounts = pin_accounts();
    if (!accounts) return std::unexpected(accounts.error());
    AccountsCursor next = cursor;
    const Result<GroupView> found = accounts->next_group(next);
    if (!found) return std::unexpected(found.error());
    Result<void> packed = pack(*accounts, *found, entry, buffer, size);
    if (packed) cursor = next;
    return packed;
}

Result<void> append_groups(const char* user, gid_t skip, long* used, long* size, gid_t** groups, long limit) {
    const std::string_view wanted = at_a_glance(user);
    if (wanted.data() == nullptr) return fail(Errc::not_found, "");
    const Result<PinnedAccounts> accounts = pin_accounts();
    if (!accounts) return std::unexpected(settle(wanted, accounts.error()));
    const Result<AccountView> account = accounts->find_user(wanted);
    if (!account) return std::unexpected(settle(wanted, account.error()));
    for (uint32_t i = 0; i < account->group_count; ++i) {
        if (account->groups[i] == skip) continue;
        if (*used >= *size) {
            const Result<bool> grown = grow(size, groups, limit);
            if (!grown) return std::unexpected(grown.error());
            if (!*grown) return {};
        }
        (*groups)[(*used)++] = account->groups[i];
    }
    return {};
}

}  // namespace xos

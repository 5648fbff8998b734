#include <cstring>

#include "libxos/accounts_source.h"
#include "libxos/login_name.h"
#include "libxos/names.h"
#include "nss_xos/buffer_packer.h"
#include "nss_xos/entries.h"

namespace xos {
namespace {

// '*' matches no password: nobody logs in with one, and no program goes looking for a shadow entry.
constexpr std::string_view kNoPassword = "*";

Result<void> pack(const AccountView& account, passwd* entry, char* buffer, size_t size) {
    BufferPacker packer(buffer, size);
    std::string_view whole = account.text();
    whole.remove_suffix(1);  // its last NUL: put_text() writes it
    char* text = packer.put_text(whole);
    char* password = text != nullptr ? packer.put_text(kNoPassword) : nullptr;
    if (password == nullptr) return fail(Errc::too_small, "");
    const auto same_place = [&](std::string_view part) { return text + (part.data() - account.name.data()); };
    entry->pw_name = same_place(account.name);
    entry->pw_passwd = password;
    entry->pw_uid = account.uid;
    entry->pw_gid = account.gid;
    entry->pw_gecos = same_place(account.gecos);
    entry->pw_dir = same_place(account.home);
    entry->pw_shell = same_place(account.shell);
    return {};
}

}  // namespace

std::string_view at_a_glance(const char* name) {
    const size_t size = strnlen(name, kLoginNameMax + 1);
    if (size > kLoginNameMax || memchr(name, '@', size) == nullptr) return {};
    return {name, size};
}

Error settle(std::string_view name, const Error& error) {
    return parse_login_name(name) ? error : Error{Errc::not_found};
}

Result<void> get_passwd(const char* name, passwd* entry, char* buffer, size_t size) {
    const std::string_view wanted = at_a_glance(name);
    if (wanted.data() == nullptr) return fail(Errc::not_found, "");
    const Result<PinnedAccounts> accounts = pin_accounts();
    if (!accounts) return std::unexpected(settle(wanted, accounts.error()));
    const Result<AccountView> account = accounts->find_user(wanted);
    if (!account) return std::unexpected(settle(wanted, account.error()));
    return pack(*account, entry, buffer, size);
}

Result<void> get_passwd(uint32_t uid, passwd* entry, char* buffer, size_t size) {
    if (!is_our_id(uid)) return fail(Errc::not_found, "");
    const Result<PinnedAccounts> accounts = pin_accounts();
    if (!accounts) return std::unexpected(accounts.error());
    const Result<AccountView> account = accounts->find_user(uid);
    if (!account) return std::unexpected(account.error());
    return pack(*account, entry, buffer, size);
}

Result<void> get_next_passwd(AccountsCursor& cursor, passwd* entry, char* buffer, size_t size) {
    const Result<PinnedAccounts> accounts = pin_accounts();
    if (!accounts) return std::unexpected(accounts.error());
    AccountsCursor next = cursor;
    const Result<AccountView> account = accounts->next_user(next);
    if (!account) return std::unexpected(account.error());
    Result<void> packed = pack(*account, entry, buffer, size);
    if (packed) cursor = next;
    return packed;
}

}  // namespace xos

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
    std::string_view whole = account.text;
    whole.remove_suffix(1);  // its last NUL: put_text() writes it
    char* text = packer.put_text(whole);
    char* password = text != nullptr ? packer.put_text(kNoPassword) : nullptr;
    if (password == nullptr) return fail(Errc::too_small, "");
    const auto same_place = [&](std::string_view part) { return text + (part.data() - account.text.data()); };
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

bool can_be_ours(const char* name) {
    const size_t size = strnlen(name, kLoginNameMax + 1);
    return size <= kLoginNameMax && parse_login_name(std::string_view(name, size)).has_value();
}

bool can_be_ours(uint32_t id) {
    return id >= kUidMin && id <= kUidMax;
}

Result<void> get_passwd(const char* name, passwd* entry, char* buffer, size_t size) {
    if (!can_be_ours(name)) return fail(Errc::not_found, "");
    const Result<PinnedAccounts> accounts = pin_accounts();
    if (!accounts) return std::unexpected(accounts.error());
    const Result<AccountView> account = accounts->find_user(std::string_view(name));
    if (!account) return std::unexpected(account.error());
    return pack(*account, entry, buffer, size);
}

Result<void> get_passwd(uint32_t uid, passwd* entry, char* buffer, size_t size) {
    if (!can_be_ours(uid)) return fail(Errc::not_found, "");
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

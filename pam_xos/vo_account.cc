#include "pam_xos/vo_account.h"

#include <pwd.h>
#include <security/pam_ext.h>
#include <security/pam_modutil.h>

#include <optional>
#include <string_view>
#include <utility>

#include "libxos/accounts_source.h"
#include "libxos/login_name.h"
#include "libxos/names.h"

namespace xos {
namespace {

// What a caller can bring about with its own limits: that must not pass for the absence of the file.
bool is_shortage(int error) {
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == EAGAIN;
}

// A mapping for this one look-up: the module keeps no state between calls.
Result<PinnedAccounts> open_accounts(const char* path) {
    auto accounts = map_accounts(path);
    if (!accounts && is_shortage(accounts.error().sys))
        return fail(Errc::system, "read the accounts file", accounts.error().sys);
    return accounts;
}

Result<PinnedAccounts> open_accounts() {
    auto accounts = open_accounts(kAccountsFile);
    return !accounts && accounts.error().sys == ENOENT ? open_accounts(kAccountsBootFile)
                                                       : std::move(accounts);
}

struct Ids {
    uid_t uid;
    gid_t gid;
};

Result<Ids> find_ids(std::string_view login, std::string_view vo) {
    const auto accounts = open_accounts();
    if (!accounts) return std::unexpected(accounts.error());
    if (const auto block = accounts->find_vo(vo); !block) return std::unexpected(block.error());
    const auto account = accounts->find_user(login);
    if (account) return Ids{account->uid, account->gid};
    if (account.error().code != Errc::not_found) return std::unexpected(account.error());
    return fail(Errc::denied, "no such account in the VO");
}

}  // namespace

Result<VoAccount> find_vo_account(pam_handle_t* pamh) {
    // not pam_get_user(): it would ask the person where no name is set
    const void* item = nullptr;
    if (pam_get_item(pamh, PAM_USER, &item) != PAM_SUCCESS || item == nullptr)
        return fail(Errc::not_found, "no user name");
    const char* login = static_cast<const char*>(item);
    const auto name = parse_login_name(login);
    if (!name) return fail(Errc::not_found, "not a name of a VO");
    const auto ids = find_ids(login, name->vo);
    if (!ids) return std::unexpected(ids.error());
    const passwd* seen = pam_modutil_getpwnam(pamh, login);
    if (seen == nullptr) return fail(Errc::denied, "the name service does not know the account");
    if (seen->pw_uid != ids->uid) return fail(Errc::conflict, "another source of accounts has this name");
    return VoAccount{login, ids->uid, ids->gid};
}

}  // namespace xos

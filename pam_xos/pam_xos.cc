// The entry points that libpam calls; pam_xos(8).
//
// Process: any that uses PAM (sshd, su, cron, ...). Every decision about a VO user falls here into a PAM code
// and one line of log; for every other name the answer is PAM_IGNORE, without a connection to anybody.

#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdlib.h>
#include <syslog.h>

#include <memory>

#include "libxos/errno_guard.h"
#include "pam_xos/inquiry.h"
#include "pam_xos/login_session.h"
#include "pam_xos/module_options.h"
#include "pam_xos/pam_items.h"
#include "pam_xos/session_keyring.h"
#include "pam_xos/vo_account.h"

namespace xos {
namespace {

// Set on pamh once a login has proved to be ours: from then on an unreadable accounts file is a refusal,
// while for a name of which nobody can tell it must not stand in the way of other sources of accounts.
constexpr char kClaimed[] = "xos_claimed";

// Not PAM_SESSION_ERR, after which sudo runs the command all the same, without a session.
constexpr int kSessionRefused = PAM_PERM_DENIED;

bool is_claimed(pam_handle_t* pamh) {
    const void* data = nullptr;
    return pam_get_data(pamh, kClaimed, &data) == PAM_SUCCESS && data != nullptr;
}

int to_pam_code(const Error& error) {
    switch (error.code) {
        case Errc::not_found:
            return PAM_IGNORE;
        case Errc::denied:
            return PAM_USER_UNKNOWN;
        case Errc::conflict:
            return PAM_PERM_DENIED;
        default:
            return PAM_AUTHINFO_UNAVAIL;
    }
}

int to_pam_code(Verdict verdict) {
    switch (verdict) {
        case Verdict::permit:
            return PAM_SUCCESS;
        case Verdict::deny:
            return PAM_PERM_DENIED;
        case Verdict::expired:
            return PAM_ACCT_EXPIRED;
        case Verdict::unavailable:
            return PAM_AUTHINFO_UNAVAIL;
    }
    return PAM_AUTHINFO_UNAVAIL;
}

void log_refusal(pam_handle_t* pamh, const char* what, std::string_view reason) {
    const void* user = nullptr;
    pam_get_item(pamh, PAM_USER, &user);
    const std::string_view service = find_service(pamh);
    pam_syslog(pamh, LOG_NOTICE, "%s refused: user=%s service=%.*s reason=\"%.*s\"", what,
               user == nullptr ? "" : static_cast<const char*>(user), static_cast<int>(service.size()),
               service.data(), static_cast<int>(reason.size()), reason.data());
}

void log_permission(pam_handle_t* pamh, const ModuleOptions& options, const char* what,
                    const VoAccount& account) {
    if (options.debug)
        pam_syslog(pamh, LOG_DEBUG, "%s permitted: user=%s uid=%u", what, account.login, account.uid);
}

// The account of a login that is ours; else what to answer for it.
std::expected<VoAccount, int> claim(pam_handle_t* pamh, const char* what) {
    const auto account = find_vo_account(pamh);
    if (!account) {
        const bool ours = account.error().code == Errc::unavailable ? is_claimed(pamh)
                                                                    : account.error().code != Errc::not_found;
        if (!ours) return std::unexpected(PAM_IGNORE);
        log_refusal(pamh, what, account.error().step);
        return std::unexpected(to_pam_code(account.error()));
    }
    if (pam_set_data(pamh, kClaimed, const_cast<char*>(kClaimed), nullptr) != PAM_SUCCESS) {
        log_refusal(pamh, what, "no memory");
        return std::unexpected(PAM_BUF_ERR);
    }
    return *account;
}

// A member is himself where his session's credential says so: su(1) to his own name, sudo(8). Where it does
// not, this module has no say, and the next one asks for a password.
int authenticate(pam_handle_t* pamh, const ModuleOptions& options) {
    const auto account = find_vo_account(pamh);
    if (!account) return PAM_IGNORE;
    const std::unique_ptr<char, void (*)(void*)> memory(static_cast<char*>(malloc(kChainMax)), free);
    if (!memory) return PAM_IGNORE;
    const auto chain = read_session_credential({memory.get(), kChainMax});
    if (!chain) return PAM_IGNORE;
    Inquiry inquiry;
    const auto reply = inquiry.ask(AuthenticateQuery{.login = account->login,
                                                     .service = find_service(pamh),
                                                     .remote_host = find_remote_host(pamh),
                                                     .chain = *chain});
    if (!reply || reply->answer.verdict != Verdict::permit) {
        log_refusal(pamh, "authentication", reply ? reply->answer.reason : reply.error().step);
        return PAM_IGNORE;
    }
    log_permission(pamh, options, "authentication", *account);
    return PAM_SUCCESS;
}

int check_account(pam_handle_t* pamh, const ModuleOptions& options) {
    const auto account = claim(pamh, "account");
    if (!account) return account.error();
    Inquiry inquiry;
    const auto reply = inquiry.ask(AccountQuery{.login = account->login, .service = find_service(pamh)});
    if (!reply) {
        log_refusal(pamh, "account", reply.error().step);
        return PAM_AUTHINFO_UNAVAIL;
    }
    if (reply->answer.verdict == Verdict::permit)
        log_permission(pamh, options, "account", *account);
    else
        log_refusal(pamh, "account", reply->answer.reason);
    return to_pam_code(reply->answer.verdict);
}

int open_session(pam_handle_t* pamh, const ModuleOptions& options) {
    const auto account = claim(pamh, "session");
    if (!account) return account.error() == PAM_IGNORE ? PAM_IGNORE : kSessionRefused;
    if (const auto opened = open_login_session(pamh, *account); !opened) {
        log_refusal(pamh, "session", opened.error().reason);
        return kSessionRefused;
    }
    log_permission(pamh, options, "session", *account);
    return PAM_SUCCESS;
}

}  // namespace
}  // namespace xos

#define XOS_ENTRY extern "C" __attribute__((visibility("default"))) int

XOS_ENTRY pam_sm_authenticate(pam_handle_t* pamh, int, int argc, const char** argv) {
    const xos::ErrnoGuard guard;
    return xos::authenticate(pamh, xos::read_module_options(pamh, argc, argv));
}
XOS_ENTRY pam_sm_setcred(pam_handle_t*, int, int, const char**) {
    return PAM_IGNORE;
}

XOS_ENTRY pam_sm_acct_mgmt(pam_handle_t* pamh, int, int argc, const char** argv) {
    const xos::ErrnoGuard guard;
    return xos::check_account(pamh, xos::read_module_options(pamh, argc, argv));
}

XOS_ENTRY pam_sm_open_session(pam_handle_t* pamh, int, int argc, const char** argv) {
    const xos::ErrnoGuard guard;
    return xos::open_session(pamh, xos::read_module_options(pamh, argc, argv));
}

XOS_ENTRY pam_sm_close_session(pam_handle_t* pamh, int, int argc, const char** argv) {
    const xos::ErrnoGuard guard;
    xos::read_module_options(pamh, argc, argv);
    return xos::close_login_session(pamh) ? PAM_SUCCESS : PAM_IGNORE;
}

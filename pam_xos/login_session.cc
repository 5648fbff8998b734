#include "pam_xos/login_session.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <chrono>

#include "pam_xos/inquiry.h"
#include "pam_xos/pam_items.h"
#include "pam_xos/session_keyring.h"

namespace xos {
namespace {

constexpr char kSessionData[] = "xos_session";

struct OpenedSession {
    uint64_t id;
    SessionKeys keys;
};

// No more than the memory: pam_end(3) also runs in forked children, whose session goes on in the parent.
void forget_session(pam_handle_t*, void* data, int) {
    free(data);
}

std::unexpected<Refusal> refuse(std::string_view reason) {
    Refusal refusal;
    snprintf(refusal.reason, sizeof refusal.reason, "%.*s", static_cast<int>(reason.size()), reason.data());
    return std::unexpected(refusal);
}

std::unexpected<Refusal> refuse(const Error& error) {
    if (error.sys == 0) return refuse(error.step);
    char system[128];
    Refusal refusal;
    snprintf(refusal.reason, sizeof refusal.reason, "%s: %s", error.step,
             strerror_r(error.sys, system, sizeof system));
    return std::unexpected(refusal);
}

Result<void> put_variable(pam_handle_t* pamh, const char* name, std::string_view value) {
    char text[128];
    const int length =
        snprintf(text, sizeof text, "%s=%.*s", name, static_cast<int>(value.size()), value.data());
    if (length < 0 || length >= static_cast<int>(sizeof text) || pam_putenv(pamh, text) != PAM_SUCCESS)
        return fail(Errc::system, "set a variable of the session");
    return {};
}

void drop_variables(pam_handle_t* pamh) {
    for (const char* name : {"XOS_VO", "XOS_USER"})
        if (pam_getenv(pamh, name) != nullptr) pam_putenv(pamh, name);
}

Result<void> fill_keyring(SessionKeyring& keyring, const VoAccount& account, const SessionReply& grant) {
    if (grant.expires != 0) {
        const std::chrono::seconds lifetime(grant.expires - time(nullptr));
        if (lifetime.count() <= 0) return fail(Errc::denied, "the credential has expired");
        if (!grant.chain.empty()) {
            if (auto added = keyring.add_credential(grant.chain, lifetime); !added) return added;
        }
    }
    return keyring.hand_over(account.uid, account.gid);
}

Result<void> remember(pam_handle_t* pamh, uint64_t id, SessionKeyring& keyring) {
    auto* session = static_cast<OpenedSession*>(malloc(sizeof(OpenedSession)));
    if (session == nullptr) return fail(Errc::unavailable, "no memory");
    *session = {id, {}};
    if (pam_set_data(pamh, kSessionData, session, forget_session) != PAM_SUCCESS) {
        free(session);
        return fail(Errc::system, "keep the session's data");
    }
    session->keys = keyring.release();
    return {};
}

void free_limit(pam_handle_t*, void* data, int) {
    free(data);
}

// Where pam_systemd(8) finds it when it makes the session's scope. 0: no limit.
Result<void> put_limit(pam_handle_t* pamh, const char* name, uint64_t value) {
    if (value == 0) return {};
    char text[24];
    snprintf(text, sizeof text, "%llu", static_cast<unsigned long long>(value));
    char* const copy = strdup(text);
    if (copy == nullptr) return fail(Errc::unavailable, "no memory");
    if (pam_set_data(pamh, name, copy, free_limit) == PAM_SUCCESS) return {};
    free(copy);
    return fail(Errc::system, "set a limit of the session");
}

// All of the grant that this process can put to effect without asking again.
Result<void> apply_grant(pam_handle_t* pamh, const VoAccount& account, const SessionReply& grant,
                         SessionKeyring& keyring) {
    if (auto filled = fill_keyring(keyring, account, grant); !filled) return filled;
    if (auto put = put_variable(pamh, "XOS_VO", grant.vo); !put) return put;
    if (auto put = put_variable(pamh, "XOS_USER", grant.user); !put) return put;
    if (auto put = put_limit(pamh, "systemd.memory_max", grant.memory); !put) return put;
    return put_limit(pamh, "systemd.tasks_max", grant.processes);
}

// xosd revokes the credential when the session ends, also where nobody is left to close it.
Result<void> note_keys(Inquiry& inquiry, uint64_t session, const SessionKeys& keys) {
    const auto noted = inquiry.ask(NoteKeys{session, keys.keyring, keys.credential});
    if (!noted) return std::unexpected(noted.error());
    if (noted->answer.verdict != Verdict::permit) return fail(Errc::denied, "xosd knows the session no more");
    return {};
}

Result<void> establish(pam_handle_t* pamh, Inquiry& inquiry, uint64_t session, SessionKeyring& keyring) {
    if (auto noted = note_keys(inquiry, session, keyring.keys()); !noted) return noted;
    return remember(pamh, session, keyring);
}

// The answer is not waited for long, and changes nothing: xosd also sees the end of a session by itself.
void tell_closed(Inquiry& inquiry, uint64_t id) {
    [[maybe_unused]] const auto reply = inquiry.ask(CloseSession{id});
}

// sshd(8) keeps a connection without a command ("ssh -N") whose session is refused. xosd ends it by its
// pidfd; where xosd cannot be asked, nobody else is there to do it. No handler and no mask of the host is
// touched.
void end_connection_later(pam_handle_t* pamh) {
    if (find_service(pamh) != std::string_view("sshd")) return;
    constexpr time_t kGrace = 2;  // seconds, for sshd to end by itself
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGTERM;
    timer_t timer{};
    const itimerspec when{.it_interval = {}, .it_value = {.tv_sec = kGrace, .tv_nsec = 0}};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0) timer_settime(timer, 0, &when, nullptr);
}

}  // namespace

std::expected<void, Refusal> open_login_session(pam_handle_t* pamh, const VoAccount& account) {
    auto keyring = SessionKeyring::join();
    if (!keyring) return refuse(keyring.error());
    Inquiry inquiry;
    const auto reply = inquiry.ask(OpenSession{.login = account.login,
                                               .service = find_service(pamh),
                                               .remote_host = find_remote_host(pamh),
                                               .tty = find_tty(pamh),
                                               .auth_info = find_auth_info(pamh)});
    if (!reply) {
        end_connection_later(pamh);
        return refuse(reply.error());
    }
    if (reply->answer.verdict != Verdict::permit) return refuse(reply->answer.reason);
    const uint64_t session = reply->session;  // the reply's memory is the next one's
    auto made = apply_grant(pamh, account, *reply, *keyring);
    if (made) made = establish(pamh, inquiry, session, *keyring);
    if (!made) {
        drop_variables(pamh);
        end_connection_later(pamh);
        tell_closed(inquiry, session);
        return refuse(made.error());
    }
    return {};
}

bool close_login_session(pam_handle_t* pamh) {
    const void* data = nullptr;
    if (pam_get_data(pamh, kSessionData, &data) != PAM_SUCCESS || data == nullptr) return false;
    const OpenedSession session = *static_cast<const OpenedSession*>(data);
    pam_set_data(pamh, kSessionData, nullptr, nullptr);  // frees it: a second close has nothing to close
    revoke_session_keys(session.keys);
    Inquiry inquiry;
    tell_closed(inquiry, session.id);
    return true;
}

}  // namespace xos

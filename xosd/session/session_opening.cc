#include "common/clock.h"
#include "libxos/login_name.h"
#include "xosd/session/home_directory.h"
#include "xosd/session/login_refusal.h"
#include "xosd/session/login_service.h"

namespace xos {
namespace {

constexpr auto kHomeDeadline = std::chrono::seconds(10);
constexpr uint64_t kMebibyte = 1024 * 1024;

}  // namespace

struct LoginService::Opening {
    std::string login, service, remote;
    PamCaller caller;
    LoginGrant grant;              // its member pointer is not used after the checks
    SessionCredential credential;  // an empty chain: none
    GridIdentity identity;
    std::vector<std::string> serials;
    Home home;
    std::function<void(const SessionReply&)> reply;

    void take(const VerifiedCredential& verified) {
        credential = {verified.pem, verified.serial, verified.fingerprint, grant.expires};
        if (!verified.grid) return;
        identity = {verified.grid->issuer, verified.grid->subject};
        serials = verified.grid->serials;
    }
    AuditRecord audit_record() const {
        return {.event = AuditEvent::session,
                .login = login,
                .uid = grant.uid != 0 ? std::optional(grant.uid) : std::nullopt,
                .serial = credential.serial,
                .fingerprint = credential.fingerprint,
                .remote = remote,
                .service = service};
    }
};

void LoginService::refuse_session(Opening& opening, const Failure& failed) {
    audit_refusal(parts_.audit, opening.audit_record(), failed);
    refuse(opening.reply, failed);
    if (source_of(opening.service) == SessionSource::key) refused_.add(std::move(opening.caller.pidfd));
}

void LoginService::open_session(const OpenSession& query, PamCaller caller,
                                std::function<void(const SessionReply&)> reply) {
    auto opening = std::make_shared<Opening>();
    opening->login = query.login;
    opening->service = query.service;
    opening->remote = query.remote_host;
    opening->caller = std::move(caller);
    opening->reply = std::move(reply);
    // sshd always hands over the key it accepted: without one this is no login that we allowed
    if (query.auth_info.empty() && source_of(query.service) == SessionSource::key)
        return refuse_session(*opening, {Errc::denied, "sshd names no key for this session"});
    if (!query.auth_info.empty()) return open_by_key(opening, std::string(query.auth_info));
    if (auto granted = open_by_source(*opening); !granted) return refuse_session(*opening, granted.error());
    make_home_then_finish(opening);
}

void LoginService::open_by_key(const std::shared_ptr<Opening>& opening, std::string key) {
    const auto holder = find_holder(opening->login);
    if (!holder) return refuse_session(*opening, holder.error());
    check_key(opening->login, holder->vo->uid_of(*holder->member), std::move(key),
              [this, opening](Outcome<LoginGrant> grant, const VerifiedCredential* credential) {
                  if (!grant) return refuse_session(*opening, grant.error());
                  opening->grant = *grant;
                  opening->take(*credential);
                  make_home_then_finish(opening);
              });
}

// What the service needs beside its account, see session_source.h.
Outcome<void> LoginService::open_by_source(Opening& opening) {
    const auto holder = find_holder(opening.login);
    if (!holder) return std::unexpected(holder.error());
    const uint32_t uid = holder->vo->uid_of(*holder->member);
    const SessionSource source = source_of(opening.service);
    std::optional<SessionCredential> credential;
    if (source == SessionSource::caller) {
        if (const auto start_time = read_start_time(opening.caller.pid))
            credential = authentications_.take(opening.caller.pid, *start_time, opening.login,
                                               std::chrono::steady_clock::now());
    } else {
        auto found = source == SessionSource::delegated ? find_delegated(uid) : find_of_session(*holder, uid);
        if (!found) return std::unexpected(found.error());
        if (!found->chain.empty()) credential = *std::move(found);
    }
    auto grant = check_action(opening.login, *holder, credential ? Action::login : Action::su);
    if (!grant) return std::unexpected(grant.error());
    opening.grant = *grant;
    if (!credential) return {};
    opening.grant.expires = credential->expires;
    opening.credential = *std::move(credential);
    return {};
}

void LoginService::make_home_then_finish(const std::shared_ptr<Opening>& opening) {
    const auto name = parse_login_name(opening->login);
    opening->home = Home{parts_.config.home_root, std::string(name->vo), std::string(name->user),
                         opening->grant.uid, opening->grant.uid};
    if (local_homes_ == opening->home.root && is_home_made(opening->home)) return finish(*opening);
    operations_.run(
        "home of " + opening->login, kHomeDeadline,
        [home = opening->home]() -> Outcome<std::string> {
            if (auto made = make_home(home); !made) return std::unexpected(made.error());
            return is_on_local_disk(home.root) ? home.root : "";
        },
        [this, opening](Outcome<std::string> made) {
            if (made) local_homes_ = *made;
            if (made) return finish(*opening);
            refuse_session(*opening, {Errc::unavailable, made.error().message});
        });
}

void LoginService::finish(Opening& opening) {
    // again: another session may have been opened while the home was made
    if (auto room =
            check_sessions(opening.login, parts_.sessions.count(opening.grant.uid), opening.grant.limits);
        !room)
        return refuse_session(opening, room.error());
    const auto id = record(opening);
    if (!id) return refuse_session(opening, {Errc::unavailable, id.error().message});
    if (auto admitted = parts_.supervisor.admit(*id, opening.grant.limits); !admitted) {
        parts_.sessions.close(*id, admitted.error().message);
        return refuse_session(opening, {Errc::unavailable, admitted.error().message});
    }
    AuditRecord audit = opening.audit_record();
    audit.permit = true;
    audit.session = *id;
    parts_.audit.record(audit);
    if (!parts_.audit.is_in_journal())
        log(Level::info, "session opened",
            {{"user", opening.login},
             {"uid", std::to_string(opening.grant.uid)},
             {"service", opening.service},
             {"rhost", opening.remote},
             {"serial", opening.credential.serial},
             {"session", std::to_string(*id)}});
    reply_granted(opening, *id);
}

Outcome<uint64_t> LoginService::record(Opening& opening) {
    LoginSession session;
    session.login = opening.login;
    session.uid = opening.grant.uid;
    session.service = opening.service;
    session.remote = opening.remote;
    session.serial = opening.credential.serial;
    session.fingerprint = opening.credential.fingerprint;
    session.identity = opening.identity;
    session.grid_serials = opening.serials;
    session.chain = opening.credential.chain;
    session.opened = current_time();
    session.expires = opening.credential.chain.empty() ? std::chrono::sys_seconds{} : opening.grant.expires;
    session.home = home_path(opening.home);
    return parts_.sessions.open(std::move(session), opening.caller.pid, std::move(opening.caller.pidfd));
}

void LoginService::reply_granted(const Opening& opening, uint64_t id) {
    const std::string home = home_path(opening.home);
    const Limits& limits = opening.grant.limits;
    SessionReply reply;
    reply.answer = {Verdict::permit, ""};
    reply.session = id;
    reply.chain = opening.credential.chain;
    reply.expires = opening.credential.chain.empty() ? 0 : opening.grant.expires.time_since_epoch().count();
    reply.home = home;
    reply.vo = opening.home.vo;
    reply.user = opening.home.user;
    // a user manager has no scope, and logind refuses limits for one that it does not make
    const bool scoped = source_of(opening.service) != SessionSource::session;
    if (scoped && limits.has(Limit::memory)) reply.memory = limits[Limit::memory] * kMebibyte;
    if (scoped && limits.has(Limit::processes)) reply.processes = limits[Limit::processes];
    opening.reply(reply);
}

}  // namespace xos

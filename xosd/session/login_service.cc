#include "xosd/session/login_service.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/ssh/ssh_key.h"
#include "libxos/login_name.h"
#include "xosd/session/grid_login.h"
#include "xosd/session/home_directory.h"

namespace xos {
namespace {

constexpr auto kHomeDeadline = std::chrono::seconds(10);

Verdict verdict_of(Errc code) {
    return code == Errc::denied || code == Errc::invalid ? Verdict::deny : Verdict::unavailable;
}

void log_refusal(std::string_view event, std::string_view login, std::string_view service,
                 std::string_view remote, const std::string& reason) {
    log(Level::notice, event,
        {{"user", std::string(login)},
         {"service", std::string(service)},
         {"rhost", std::string(remote)},
         {"reason", reason}});
}

template <typename Reply>
void refuse(const std::function<void(const Reply&)>& reply, const Failure& failed) {
    char text[kReasonMax];
    Reply answer;
    answer.answer = {verdict_of(failed.code), make_reason(failed.message, text)};
    reply(answer);
}

}  // namespace

struct LoginService::Opening {
    std::string login, service, remote;
    PamCaller caller;
    LoginGrant grant;  // its member pointer is not used after the checks
    Home home;
    std::string chain, serial;
    std::function<void(const SessionReply&)> reply;
};

void LoginService::check_key(std::string login, uint32_t uid, std::string key, Checked done) {
    const auto name = parse_login_name(login);
    const TrustedVo* vo = name ? trust_.find(name->vo) : nullptr;
    if (vo == nullptr)
        return done(failure(Errc::denied, "{} is not of a VO that this node accepts", login), nullptr);
    if (auto member = check_member(*vo, name->user, current_time()); !member)
        return done(std::unexpected(member.error()), nullptr);
    VerifyRequest request;
    request.ssh_key = std::move(key);
    request.vo = std::string(name->vo);
    request.ca_certificate = vo->bundle.vo.ca_certificate;
    request.now = current_time();
    request.voms = voms_request(*vo, config_);
    verifier_.verify(std::move(request), [this, login, uid, done](Outcome<VerifiedCredential> credential) {
        if (!credential) return done(std::unexpected(credential.error()), nullptr);
        // looked up again: the bundle may have been replaced while the verifier worked
        const auto again = parse_login_name(login);
        const TrustedVo* trusted = trust_.find(again->vo);
        if (trusted == nullptr)
            return done(failure(Errc::denied, "{} is no longer accepted", login), nullptr);
        auto grant = check_login(*trusted, config_, again->user, uid, *credential, current_time());
        if (grant)
            if (auto room = check_sessions(login, sessions_.count(uid), grant->limits); !room)
                grant = std::unexpected(room.error());
        done(std::move(grant), &*credential);
    });
}

void LoginService::answer_keys(const KeysQuery& query, std::function<void(const KeysReply&)> reply) {
    // a plain key can hold no credential; sshd asks for it first where the client offers both
    if (!parse_ssh_cert_type(query.key_type))
        return refuse(reply, Failure{Errc::denied, "the key carries no VO credential"});
    const std::string login(query.login);
    check_key(login, query.uid, std::string(query.key),
              [login, reply](Outcome<LoginGrant> grant, const VerifiedCredential* credential) {
                  Outcome<std::string> line = grant ? make_authorized_key(*grant, login, *credential)
                                                    : Outcome<std::string>(std::unexpected(grant.error()));
                  if (!line) {
                      log_refusal("login refused", login, "sshd", "", line.error().message);
                      return refuse(reply, line.error());
                  }
                  reply(KeysReply{{Verdict::permit, ""}, *line});
              });
}

void LoginService::answer_account(const AccountQuery& query, std::function<void(const AccountReply&)> reply) {
    const auto name = parse_login_name(query.login);
    const TrustedVo* vo = name ? trust_.find(name->vo) : nullptr;
    Outcome<const Member*> member =
        vo != nullptr ? check_member(*vo, name->user, current_time())
                      : failure(Errc::denied, "{} is not of a VO that this node accepts", query.login);
    if (!member) {
        log_refusal("account refused", query.login, query.service, "", member.error().message);
        return refuse(reply, member.error());
    }
    reply(AccountReply{{Verdict::permit, ""}});
}

Outcome<LoginGrant> LoginService::check_without_credential(const std::string& login) const {
    const auto name = parse_login_name(login);
    const TrustedVo* vo = name ? trust_.find(name->vo) : nullptr;
    if (vo == nullptr) return failure(Errc::denied, "{} is not of a VO that this node accepts", login);
    const auto member = check_member(*vo, name->user, current_time());
    if (!member) return std::unexpected(member.error());
    const PolicyAnswer su = check_policy(*vo, config_, **member, Action::su, current_time());
    if (!su.permit) return failure(Errc::denied, "no credential, and {}", su.reason);
    LoginGrant grant;
    grant.member = *member;
    grant.uid = vo->uid_of(**member);
    grant.limits = su.limits;
    if (auto room = check_sessions(login, sessions_.count(grant.uid), grant.limits); !room)
        return std::unexpected(room.error());
    return grant;
}

void LoginService::open_session(const OpenSession& query, PamCaller caller,
                                std::function<void(const SessionReply&)> reply) {
    auto opening = std::make_shared<Opening>();
    opening->login = query.login;
    opening->service = query.service;
    opening->remote = query.remote_host;
    opening->caller = std::move(caller);
    opening->reply = std::move(reply);
    const auto name = parse_login_name(opening->login);
    if (!name) return refuse(opening->reply, Failure{Errc::denied, "not a VO login name"});
    const auto granted = [this, opening](Outcome<LoginGrant> grant, const VerifiedCredential* credential) {
        if (!grant) {
            log_refusal("session refused", opening->login, opening->service, opening->remote,
                        grant.error().message);
            return refuse(opening->reply, grant.error());
        }
        opening->grant = *grant;
        if (credential != nullptr) {
            opening->chain = credential->pem;
            opening->serial = credential->serial;
        }
        make_home_then_finish(opening);
    };
    if (query.auth_info.empty()) {
        // sshd always hands over the key it accepted: without one this is no login that we allowed
        if (query.service == "sshd")
            return granted(failure(Errc::denied, "sshd names no key for this session"), nullptr);
        return granted(check_without_credential(opening->login), nullptr);
    }
    const TrustedVo* vo = trust_.find(name->vo);
    const Member* member = vo != nullptr ? vo->find_member(name->user) : nullptr;
    if (member == nullptr)
        return granted(failure(Errc::denied, "{} is not a member of an accepted VO", opening->login),
                       nullptr);
    check_key(opening->login, vo->uid_of(*member), std::string(query.auth_info), granted);
}

void LoginService::make_home_then_finish(std::shared_ptr<Opening> opening) {
    const auto name = parse_login_name(opening->login);
    opening->home = Home{config_.home_root, std::string(name->vo), std::string(name->user),
                         opening->grant.uid, opening->grant.uid};
    operations_.run(
        "home of " + opening->login, kHomeDeadline,
        [home = opening->home]() -> Outcome<std::string> {
            if (auto made = make_home(home); !made) return std::unexpected(made.error());
            return "";
        },
        [this, opening](Outcome<std::string> made) {
            if (made) return finish(*opening);
            log(Level::error, "session refused",
                {{"user", opening->login}, {"reason", made.error().message}});
            refuse(opening->reply, Failure{Errc::unavailable, made.error().message});
        });
}

void LoginService::finish(Opening& opening) {
    // again: another session may have been opened while the home was made
    if (auto room = check_sessions(opening.login, sessions_.count(opening.grant.uid), opening.grant.limits);
        !room) {
        log_refusal("session refused", opening.login, opening.service, opening.remote, room.error().message);
        return refuse(opening.reply, room.error());
    }
    LoginSession session;
    session.login = opening.login;
    session.uid = opening.grant.uid;
    session.service = opening.service;
    session.remote = opening.remote;
    session.serial = opening.serial;
    session.chain = opening.chain;
    session.opened = current_time();
    session.expires = opening.chain.empty() ? std::chrono::sys_seconds{} : opening.grant.expires;
    session.home = home_path(opening.home);
    const auto id = sessions_.open(std::move(session), opening.caller.pid, std::move(opening.caller.pidfd));
    if (!id) {
        log(Level::error, "session refused", {{"user", opening.login}, {"reason", id.error().message}});
        return refuse(opening.reply, Failure{Errc::unavailable, id.error().message});
    }
    log(Level::info, "session opened",
        {{"user", opening.login},
         {"uid", std::to_string(opening.grant.uid)},
         {"service", opening.service},
         {"rhost", opening.remote},
         {"serial", opening.serial},
         {"session", std::to_string(*id)}});
    const std::string home = home_path(opening.home);
    SessionReply reply;
    reply.answer = {Verdict::permit, ""};
    reply.session = *id;
    reply.chain = opening.chain;
    reply.expires = opening.chain.empty() ? 0 : opening.grant.expires.time_since_epoch().count();
    reply.home = home;
    reply.vo = opening.home.vo;
    reply.user = opening.home.user;
    opening.reply(reply);
}

void LoginService::close_session(const CloseSession& query, std::function<void(const CloseReply&)> reply) {
    sessions_.close(query.session, "closed");
    reply(CloseReply{{Verdict::permit, ""}});
}

}  // namespace xos

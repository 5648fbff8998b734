#include "xosd/session/login_service.h"

#include "common/clock.h"
#include "common/ssh/ssh_key.h"
#include "libxos/login_name.h"
#include "xosd/session/grid_login.h"
#include "xosd/session/login_refusal.h"
#include "xosd/session/session_standing.h"

namespace xos {

Outcome<LoginService::Holder> LoginService::find_holder(std::string_view login) const {
    const auto name = parse_login_name(login);
    const TrustedVo* vo = name ? parts_.trust.find(name->vo) : nullptr;
    if (vo == nullptr) return failure(Errc::denied, "{} is not of a VO that this node accepts", login);
    const auto member = check_member(*vo, name->user, current_time());
    if (!member) return std::unexpected(member.error());
    return Holder{vo, *member};
}

void LoginService::check_key(std::string login, uint32_t uid, std::string key, Checked done) {
    const auto holder = find_holder(login);
    if (!holder) return done(std::unexpected(holder.error()), nullptr);
    VerifyRequest request;
    request.ssh_key = std::move(key);
    request.vo = holder->vo->bundle.vo.name;
    request.ca_certificate = holder->vo->bundle.vo.ca_certificate;
    request.now = current_time();
    request.voms = voms_request(*holder->vo, parts_.config);
    const auto digest = VerdictCache::digest_of(request);
    if (!digest) return done(failure(Errc::denied, "{}", digest.error().message), nullptr);
    if (const auto* known = verdicts_.find(*digest, std::chrono::steady_clock::now()))
        return verified(login, uid, *known, done);
    std::vector<Asker>& askers = asking_[*digest];
    askers.push_back({std::move(login), uid, std::move(done)});
    if (askers.size() > 1) return;  // the verifier is at it for another connection
    parts_.verifier.verify(std::move(request),
                           [this, digest = *digest](Outcome<VerifiedCredential> credential) {
                               if (credential)
                                   verdicts_.put(digest, *credential, std::chrono::steady_clock::now());
                               const auto waiting = asking_.extract(digest);
                               for (const Asker& asker : waiting.mapped())
                                   if (credential)
                                       verified(asker.login, asker.uid, *credential, asker.done);
                                   else
                                       asker.done(std::unexpected(credential.error()), nullptr);
                           });
}

// The holder is looked up again: the bundle may have been replaced while the verifier worked.
void LoginService::verified(const std::string& login, uint32_t uid, const VerifiedCredential& credential,
                            const Checked& done) const {
    const auto name = parse_login_name(login);
    const TrustedVo* vo = parts_.trust.find(name->vo);
    if (vo == nullptr) return done(failure(Errc::denied, "{} is no longer accepted", login), nullptr);
    auto grant = check_login(*vo, parts_.config, name->user, uid, credential, current_time());
    if (grant)
        if (auto room = check_room(login, *grant); !room) grant = std::unexpected(room.error());
    done(std::move(grant), &credential);
}

// May there be one more session of this member, and can this node hold its limits?
Outcome<void> LoginService::check_room(const std::string& login, const LoginGrant& grant) const {
    if (auto room = check_sessions(login, parts_.sessions.count(grant.uid), grant.limits); !room) return room;
    return parts_.supervisor.check_limits(grant.limits);
}

void LoginService::answer_keys(const KeysQuery& query, std::function<void(const KeysReply&)> reply) {
    // a plain key can hold no credential; sshd asks for it first where the client offers both
    if (!parse_ssh_cert_type(query.key_type))
        return refuse(reply, Failure{Errc::denied, "the key carries no VO credential"});
    AuditRecord record{.event = AuditEvent::login,
                       .login = std::string(query.login),
                       .uid = query.uid,
                       .remote = std::string(query.remote_host),
                       .service = "sshd"};
    check_key(record.login, query.uid, std::string(query.key),
              [this, record, reply](Outcome<LoginGrant> grant, const VerifiedCredential* credential) mutable {
                  Outcome<std::string> line = grant ? make_authorized_key(*grant, record.login, *credential)
                                                    : Outcome<std::string>(std::unexpected(grant.error()));
                  if (line) return reply(KeysReply{{Verdict::permit, ""}, *line});
                  if (credential != nullptr) {
                      record.serial = credential->serial;
                      record.fingerprint = credential->fingerprint;
                  }
                  audit_refusal(parts_.audit, std::move(record), line.error());
                  refuse(reply, line.error());
              });
}

Outcome<SessionCredential> LoginService::find_delegated(uint32_t uid) const {
    const DelegatedCredential* delegated =
        parts_.delegations != nullptr ? parts_.delegations->find_valid(uid, current_time()) : nullptr;
    if (delegated == nullptr)
        return failure(Errc::denied,
                       "nothing is delegated to this node, or no longer: 'xos credential delegate' in a "
                       "session with a forwarded agent");
    return SessionCredential{delegated->chain, delegated->serial, "", delegated->expires};
}

Outcome<SessionCredential> LoginService::find_of_session(const Holder& holder, uint32_t uid) const {
    const LoginSession* session = parts_.sessions.find_valid(
        uid, current_time(), holder.vo->bundle.revoked_serials, holder.member->credentials_from);
    // of a session without a credential (su) it has none either
    if (session == nullptr && parts_.sessions.count(uid) > 0) return SessionCredential{};
    if (session == nullptr) return find_delegated(uid);
    return SessionCredential{session->chain, session->serial, session->fingerprint, session->expires};
}

void LoginService::answer_account(const AccountQuery& query, std::function<void(const AccountReply&)> reply) {
    const auto refused = [&](const Failure& failed, Verdict verdict) {
        audit_refusal(parts_.audit,
                      {.event = AuditEvent::account,
                       .login = std::string(query.login),
                       .service = std::string(query.service)},
                      failed);
        refuse(reply, failed, verdict);
    };
    const auto holder = find_holder(query.login);
    if (!holder) return refused(holder.error(), verdict_of(holder.error().code));
    const uint32_t uid = holder->vo->uid_of(*holder->member);
    const SessionSource source = source_of(query.service);
    const auto credential = source == SessionSource::delegated ? find_delegated(uid)
                            : source == SessionSource::session ? find_of_session(*holder, uid)
                                                               : SessionCredential{};
    if (!credential) return refused(credential.error(), Verdict::expired);
    reply(AccountReply{{Verdict::permit, ""}});
}

// The chain lay in a key that only root can have made: it came from a session that this node granted. Which
// one is still here, and what of it still holds, is known here alone.
void LoginService::answer_authenticate(const AuthenticateQuery& query, PamCaller caller,
                                       std::function<void(const AuthenticateReply&)> reply) {
    AuditRecord record{.event = AuditEvent::authentication,
                       .login = std::string(query.login),
                       .remote = std::string(query.remote_host),
                       .service = std::string(query.service)};
    const auto refused = [&](const Failure& failed) {
        audit_refusal(parts_.audit, record, failed);
        refuse(reply, failed);
    };
    const auto holder = find_holder(query.login);
    if (!holder) return refused(holder.error());
    const uint32_t uid = holder->vo->uid_of(*holder->member);
    const LoginSession* session = parts_.sessions.find_chain(uid, query.chain);
    if (session == nullptr)
        return refused(
            {Errc::denied, "the session's credential is not of this member, or its session ended"});
    record.uid = uid;
    record.serial = session->serial;
    record.fingerprint = session->fingerprint;
    record.session = session->id;
    if (auto objection = find_objection(*session, holder->vo, holder->member))
        return refused({Errc::denied, *objection});
    if (session->expires <= current_time()) return refused({Errc::denied, "the credential has expired"});
    if (const auto start_time = read_start_time(caller.pid); start_time && caller.pidfd)
        authentications_.note(caller.pid, *start_time, session->login,
                              {session->chain, session->serial, session->fingerprint, session->expires},
                              std::chrono::steady_clock::now());
    record.permit = true;
    parts_.audit.record(record);
    reply(AuthenticateReply{{Verdict::permit, ""}});
}

Outcome<LoginGrant> LoginService::check_action(const std::string& login, const Holder& holder,
                                               Action action) const {
    const PolicyAnswer answer =
        check_policy(*holder.vo, parts_.config, *holder.member, action, current_time());
    if (!answer.permit)
        return failure(Errc::denied, "{}{}", action == Action::su ? "no credential, and " : "",
                       answer.reason);
    LoginGrant grant;
    grant.member = holder.member;
    grant.uid = holder.vo->uid_of(*holder.member);
    grant.limits = answer.limits;
    if (auto room = check_room(login, grant); !room) return std::unexpected(room.error());
    return grant;
}

void LoginService::note_keys(const NoteKeys& keys, std::function<void(const NoteReply&)> reply) {
    if (auto noted = parts_.sessions.note_key(keys.session, keys.credential); !noted)
        return refuse(reply, noted.error());
    reply(NoteReply{{Verdict::permit, ""}});
}

void LoginService::close_session(const CloseSession& query, std::function<void(const CloseReply&)> reply) {
    parts_.sessions.close(query.session, "closed");
    reply(CloseReply{{Verdict::permit, ""}});
}

}  // namespace xos

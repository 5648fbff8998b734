#include "xosd/session/login_check.h"

#include "common/encoding.h"
#include "common/ssh/ssh_key.h"
#include "common/vo/bundle.h"
#include "xosd/session/grid_login.h"

namespace xos {

std::chrono::sys_seconds issuing_time(const VerifiedCredential& credential) {
    return credential.not_before + kCredentialBackdate;
}

Outcome<const Member*> check_member(const TrustedVo& vo, std::string_view user,
                                    std::chrono::sys_seconds now) {
    const VoRecord& record = vo.bundle.vo;
    if (record.dissolved) return failure(Errc::denied, "VO {} was dissolved by its manager", record.name);
    if (now >= record.not_after)
        return failure(Errc::denied, "VO {} ended at {}", record.name, format_time(record.not_after));
    if (now + kClockSkew < vo.bundle.issued)
        return failure(Errc::denied,
                       "this node's clock is behind by {} min at least: the bundle of VO {} was issued at {}",
                       std::chrono::ceil<std::chrono::minutes>(vo.bundle.issued - now).count(), record.name,
                       format_time(vo.bundle.issued));
    if (now >= vo.bundle.not_after + kClockSkew + vo.grace)
        return failure(Errc::denied,
                       "the bundle of VO {} is stale since {}: give xosd a newer one (xos vo trust)",
                       record.name, format_time(vo.bundle.not_after));
    const Member* member = vo.find_member(user);
    if (member == nullptr) return failure(Errc::denied, "{} is not a member of VO {}", user, record.name);
    if (member->suspended) return failure(Errc::denied, "{} is suspended in VO {}", user, record.name);
    return member;
}

Subject subject_of(const TrustedVo& vo, const Member& member) {
    return {vo.bundle.vo.name, member.name, member.groups, member.roles};
}

Circumstances circumstances_of(const NodeConfig& node, std::chrono::sys_seconds now) {
    return {node.name, node.attributes.site, node.attributes.tags, now};
}

PolicyAnswer check_policy(const TrustedVo& vo, const NodeConfig& node, const Member& member, Action action,
                          std::chrono::sys_seconds now) {
    const JointDecision decision =
        decide(vo.policy, node.policy, subject_of(vo, member), action, circumstances_of(node, now));
    return {decision.permit(), reason(vo.policy, node.policy, decision, action), decision.limits()};
}

Outcome<void> check_sessions(std::string_view login, size_t count, const Limits& limits) {
    if (count < limits[Limit::sessions]) return {};
    return failure(Errc::denied, "{} has {} sessions on this node, and policy allows {}: end one first",
                   login, count, limits[Limit::sessions]);
}

namespace {

// The credential is this member's, and not of somebody who had the name before.
Outcome<void> check_person(const TrustedVo& vo, const NodeConfig& node, std::string_view user,
                           const Member& record, const VerifiedCredential& credential) {
    const XosAttributes& certified = credential.attributes;
    if (certified.vo != vo.bundle.vo.name)
        return failure(Errc::denied, "the credential is of the VO {}", certified.vo);
    if (credential.grid) return check_grid_login(vo, node, record, credential);
    if (certified.login != user)
        return failure(Errc::denied, "the credential is for {}@{}", certified.login, certified.vo);
    if (certified.user_id != record.id || certified.number != record.number)
        return failure(Errc::denied,
                       "the credential is for an earlier member of the name {} (number {}, now {})", user,
                       certified.number, record.number);
    return {};
}

// Of a VOMS proxy both must permit: the groups and roles that it names, so that it gives no more than it
// says, and those of the record, so that a group which is denied something is not left out of the proxy.
PolicyAnswer check_policy_of(const TrustedVo& vo, const NodeConfig& node, const Member& record,
                             const VerifiedCredential& credential, Action action,
                             std::chrono::sys_seconds now) {
    PolicyAnswer whole = check_policy(vo, node, record, action, now);
    if (!credential.grid || !whole.permit) return whole;
    PolicyAnswer narrow = check_policy(vo, node, narrowed(record, *credential.grid), action, now);
    if (!narrow.permit) narrow.reason += " (to the groups and roles that the VOMS proxy names)";
    narrow.limits = tighter(narrow.limits, whole.limits);
    return narrow;
}

}  // namespace

Outcome<LoginGrant> check_login(const TrustedVo& vo, const NodeConfig& node, std::string_view user,
                                uint32_t uid, const VerifiedCredential& credential,
                                std::chrono::sys_seconds now) {
    const auto member = check_member(vo, user, now);
    if (!member) return std::unexpected(member.error());
    const Member& record = **member;
    if (auto same = check_person(vo, node, user, record, credential); !same)
        return std::unexpected(same.error());
    if (uid != vo.uid_of(record))
        return failure(Errc::denied, "sshd holds uid {} for {}, its certified uid is {}", uid, user,
                       vo.uid_of(record));
    if (now < credential.not_before || now >= credential.not_after)
        return failure(Errc::denied, "the credential is valid from {} to {} only",
                       format_time(credential.not_before), format_time(credential.not_after));
    if (vo.is_revoked(credential.serial))
        return failure(Errc::denied, "credential {} is revoked", credential.serial);
    if (issuing_time(credential) < record.credentials_from)
        return failure(
            Errc::denied,
            "credential {} was issued before {}, when all credentials of {} were revoked: get a new one",
            credential.serial, format_time(record.credentials_from), user);
    const auto ask = [&](Action action) {
        return check_policy_of(vo, node, record, credential, action, now);
    };
    const PolicyAnswer login = ask(Action::login);
    if (!login.permit) return failure(Errc::denied, "{}", login.reason);
    LoginGrant grant;
    grant.member = &record;
    grant.uid = uid;
    grant.expires = credential.not_after;
    grant.limits = login.limits;
    grant.pty = ask(Action::pty).permit;
    grant.agent_forwarding = ask(Action::forward_agent).permit;
    grant.port_forwarding = ask(Action::forward_port).permit;
    return grant;
}

Outcome<std::string> make_authorized_key(const LoginGrant& grant, std::string_view login,
                                         const VerifiedCredential& credential) {
    const std::string blob = ssh_key_blob(credential.public_key);
    if (!make_pkey(credential.public_key)) return failure(Errc::denied, "the certified key is none of SSH's");
    std::string line = "cert-authority,restrict";
    if (grant.pty) line += ",pty";
    if (grant.agent_forwarding) line += ",agent-forwarding";
    if (grant.port_forwarding) line += ",port-forwarding";
    // sshd(8), AUTHORIZED_KEYS FILE FORMAT: a trailing Z is UTC
    line += compose(",expiry-time=\"{:%Y%m%d%H%M%S}Z\",principals=\"{}\" ", grant.expires, login);
    line += ssh_key_type(credential.public_key.type);
    return line + " " + encode_base64(as_bytes(blob));
}

}  // namespace xos

// Authority: credentials.
#include <algorithm>

#include "cda/authority.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

// How far the clock may have gone back since a revocation.
constexpr std::chrono::seconds kClockStep = std::chrono::minutes(1);

}  // namespace

Outcome<IssuedCredential> Authority::issue(std::string_view login, std::string_view request_pem,
                                           std::chrono::seconds lifetime, std::chrono::sys_seconds now) {
    const auto name = parse_login_name(login);
    if (!name)
        return failure(Errc::invalid, "\"{}\" is no login name: expected one such as user1@physics", login);
    const auto identity = read_living_vo(name->vo);
    if (!identity) return std::unexpected(identity.error());
    const VoRecord& vo = identity->record;
    const auto kept = records_.read_member(vo, name->user);
    if (!kept) return std::unexpected(kept.error());
    const Member& member = kept->value;
    if (kept->revision == 0)
        return failure(Errc::denied, "{} is no member: admit it with `member add {}`", login, login);
    if (member.suspended)
        return failure(Errc::denied, "{} is suspended: `member resume {}` lets it in again", login, login);
    if (now >= vo.not_after)
        return failure(Errc::denied, "the VO {} ended at {}: renew it first", vo.name,
                       format_time(vo.not_after));
    // a revocation of the same second must not reach this one
    const std::chrono::sys_seconds from = std::max(now, member.credentials_from);
    if (from > now + kClockStep)
        return failure(Errc::unavailable,
                       "credentials of {} were revoked until {}, and it is {} here: set the clock right",
                       login, format_time(from), format_time(now));

    const XosAttributes attributes{vo.name,       member.id,     member.name,
                                   member.number, member.groups, member.roles};
    const auto ca_key = keys_.load(vo.id, KeyRole::ca);
    if (!ca_key) return std::unexpected(ca_key.error());
    auto issued = issue_credential(request_pem, attributes, vo.ca_certificate, *ca_key, from, lifetime);
    if (!issued) return issued;
    // before it is handed out: a credential that nobody could revoke must not exist
    const IssuedRecord record{vo.name, member.name, member.id, issued->fingerprint, issued->not_after};
    if (auto kept_record = records_.add_issued(issued->serial, record); !kept_record)
        return std::unexpected(kept_record.error());
    return issued;
}

Outcome<std::string> Authority::revoke(std::string_view serial) {
    if (!is_certificate_serial(serial))
        return failure(Errc::invalid,
                       "\"{}\" is no serial: expected lower-case hexadecimal, as `xos whoami` shows it",
                       serial);
    const auto issued = records_.read_issued(serial);
    if (!issued) return std::unexpected(issued.error());
    const auto make = [&](const VoRecord&) -> Outcome<std::vector<RegistryChange>> {
        const auto revoked = records_.list_revoked(issued->vo);
        if (!revoked) return std::unexpected(revoked.error());
        if (std::ranges::contains(*revoked, serial))
            return failure(Errc::exists, "the credential {} is revoked already", serial);
        return std::vector{VoRegistry::add_revoked(issued->vo, serial, issued->not_after)};
    };
    if (auto done = change_content(issued->vo, make); !done) return std::unexpected(done.error());
    return issued->login + "@" + issued->vo;
}

Outcome<Member> Authority::revoke_member(std::string_view login, std::chrono::sys_seconds now) {
    return edit_member(login, [&](const VoRecord&, Member& member) -> Outcome<void> {
        // whole seconds: what was issued in this one is revoked, too
        member.credentials_from = std::max(member.credentials_from, now + std::chrono::seconds(1));
        return {};
    });
}

Outcome<void> Authority::revoke_identity(std::string_view vo, const GridIdentity& identity) {
    if (!is_distinguished_name(identity.issuer) || !is_distinguished_name(identity.subject))
        return failure(Errc::invalid,
                       "issuer and identity are distinguished names such as /DC=org/DC=example/CN=User One");
    return change_content(vo, [&](const VoRecord&) -> Outcome<std::vector<RegistryChange>> {
        const auto revoked = records_.list_revoked_identities(vo);
        if (!revoked) return std::unexpected(revoked.error());
        if (std::ranges::contains(*revoked, identity))
            return failure(Errc::exists, "{} is revoked in {} already", identity.subject, vo);
        if (revoked->size() >= kRevokedIdentitiesMax)
            return failure(Errc::unavailable, "the VO {} has {} revoked identities, which is the most", vo,
                           kRevokedIdentitiesMax);
        return std::vector{VoRegistry::add_revoked_identity(vo, identity)};
    });
}

}  // namespace xos

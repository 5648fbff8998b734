// Authority: credentials.
#include "cda/authority.h"
#include "libxos/login_name.h"

namespace xos {

Outcome<IssuedCredential> Authority::issue(std::string_view login, std::string_view request_pem,
                                           std::chrono::seconds lifetime, std::chrono::sys_seconds now) {
    const auto name = parse_login_name(login);
    if (!name)
        return failure(Errc::invalid, "\"{}\" is no login name: expected one such as user1@physics", login);
    const auto identity = records_.read_vo(name->vo);
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

    const XosAttributes attributes{vo.name,       member.id,     member.name,
                                   member.number, member.groups, member.roles};
    const auto ca_key = keys_.load(vo.id, KeyRole::ca);
    if (!ca_key) return std::unexpected(ca_key.error());
    auto issued = issue_credential(request_pem, attributes, vo.ca_certificate, *ca_key, now, lifetime);
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
    const auto attempt = [&]() -> Outcome<void> {
        const auto head = records_.read_head(issued->vo);
        if (!head) return std::unexpected(head.error());
        const auto revoked = records_.list_revoked(issued->vo);
        if (!revoked) return std::unexpected(revoked.error());
        for (const std::string& other : *revoked)
            if (other == serial) return failure(Errc::exists, "the credential {} is revoked already", serial);
        return records_.commit(issued->vo, *head,
                               {VoRegistry::add_revoked(issued->vo, serial, issued->not_after)});
    };
    if (auto done = repeat_on_conflict(attempt); !done) return std::unexpected(done.error());
    return issued->login + "@" + issued->vo;
}

}  // namespace xos

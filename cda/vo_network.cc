// Authority: where members find it, and inviting them.
#include "cda/authority.h"
#include "cda/enrolment.h"
#include "libxos/login_name.h"

namespace xos {

Outcome<TlsIdentity> Authority::tls_identity(std::chrono::sys_seconds now) const {
    return open_tls_identity(keys_.state(), keys_.secret(), now);
}

Outcome<std::string> Authority::serve_vo(std::string_view vo, std::string_view url,
                                         std::chrono::sys_seconds now) {
    if (!is_https_url(url))
        return failure(Errc::invalid,
                       "{} is no address of an authority: expected one such as https://cda.example.org:8443",
                       url);
    const auto identity = tls_identity(now);
    if (!identity) return std::unexpected(identity.error());
    VoSettings settings;
    settings.authority = std::string(url);
    settings.authority_pin = identity->pin;
    const auto set = set_vo(vo, settings, nullptr);
    // it says so already
    if (!set && set.error().code != Errc::exists) return std::unexpected(set.error());
    return identity->pin;
}

Outcome<std::string> Authority::invite(std::string_view login, std::chrono::seconds lifetime,
                                       std::chrono::sys_seconds now) {
    Enrolment enrolment(registry_);
    const auto found = enrolment.read_active(login, now);
    if (!found) return std::unexpected(found.error());
    const VoRecord& vo = found->identity.record;
    if (vo.authority.empty())
        return failure(Errc::denied,
                       "the VO {} has no authority on the network yet: say where it is with "
                       "`xos vo serve {} https://HOST:PORT`",
                       vo.name, vo.name);
    const auto identity = tls_identity(now);
    if (!identity) return std::unexpected(identity.error());
    if (identity->pin != vo.authority_pin)
        return failure(
            Errc::conflict,
            "the record of the VO {} pins another authority than this one: `xos vo serve {} {}` makes it "
            "this one",
            vo.name, vo.name, vo.authority);
    return enrolment.invite(login, lifetime, now).transform([&](const std::string& secret) {
        return format_code(login, secret, identity->pin);
    });
}

}  // namespace xos

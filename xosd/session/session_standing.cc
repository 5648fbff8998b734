#include "xosd/session/session_standing.h"

#include <algorithm>

#include "common/time_text.h"

namespace xos {

std::optional<std::string> find_objection(const LoginSession& session, const TrustedVo* vo,
                                          const Member* member) {
    if (vo == nullptr || member == nullptr || login_name(*member, *vo) != session.login)
        return session.login + " is no member of a VO that this node accepts any more";
    if (vo->bundle.vo.dissolved) return compose("VO {} was dissolved by its manager", vo->bundle.vo.name);
    if (member->suspended) return session.login + " is suspended";
    if (session.chain.empty()) return std::nullopt;
    if (vo->is_revoked(session.serial)) return compose("credential {} was revoked", session.serial);
    for (const std::string& serial : session.grid_serials)
        if (vo->is_revoked(serial)) return compose("certificate {} of the proxy was revoked", serial);
    if (!session.identity.subject.empty() &&
        (std::ranges::contains(vo->bundle.revoked_identities, session.identity) ||
         !std::ranges::contains(member->identities, session.identity)))
        return compose("the VO has revoked {}", session.identity.subject);
    // a session that was opened before then has a credential of before
    if (session.opened < member->credentials_from)
        return compose("all credentials of {} from before {} were revoked", session.login,
                       format_time(member->credentials_from));
    return std::nullopt;
}

}  // namespace xos

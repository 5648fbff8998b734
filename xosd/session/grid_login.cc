#include "xosd/session/grid_login.h"

#include <algorithm>

#include "common/time_text.h"
#include "common/voms/fqan.h"

namespace xos {
namespace {

std::vector<std::string> common_names(const std::vector<std::string>& record,
                                      const std::vector<std::string>& claimed) {
    std::vector<std::string> names;
    for (const std::string& name : record)
        if (std::ranges::contains(claimed, name)) names.push_back(name);
    return names;
}

}  // namespace

bool accepts_voms(const TrustedVo& vo, const NodeConfig& node) {
    return vo.bundle.voms && std::ranges::contains(node.voms_accept, vo.bundle.vo.name);
}

std::optional<VomsRequest> voms_request(const TrustedVo& vo, const NodeConfig& node) {
    if (!accepts_voms(vo, node)) return std::nullopt;
    return VomsRequest{*vo.bundle.voms, vo.bundle.crls, node.voms_crl_grace};
}

Outcome<void> check_grid_login(const TrustedVo& vo, const NodeConfig& node, const Member& member,
                               const VerifiedCredential& credential) {
    const GridClaims& claims = *credential.grid;
    const GridIdentity identity{claims.issuer, claims.subject};
    if (!accepts_voms(vo, node) || claims.vo != vo.bundle.voms->vo)
        return failure(Errc::denied, "VOMS proxies of {} are not accepted here", claims.vo);
    if (!std::ranges::contains(member.identities, identity))
        return failure(Errc::denied, "{} by {} is not known as {}@{}: the VO has to add this identity",
                       claims.subject, claims.issuer, member.name, vo.bundle.vo.name);
    if (std::ranges::contains(vo.bundle.revoked_identities, identity))
        return failure(Errc::denied, "the VO has revoked {} by {}", claims.subject, claims.issuer);
    for (const std::string& serial : claims.serials)
        if (vo.is_revoked(serial))
            return failure(Errc::denied, "certificate {} of the proxy's chain is revoked", serial);
    if (credential.not_before < member.credentials_from)
        return failure(Errc::denied, "all credentials of {}@{} from before {} are revoked: make a new proxy",
                       member.name, vo.bundle.vo.name, format_time(member.credentials_from));
    return {};
}

Member narrowed(const Member& member, const GridClaims& claims) {
    const FqanNames names = map_fqans(claims.fqans);
    Member narrow = member;
    narrow.groups = common_names(member.groups, names.groups);
    narrow.roles = common_names(member.roles, names.roles);
    return narrow;
}

}  // namespace xos

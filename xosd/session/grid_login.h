// Whose VOMS proxy is it, and what does it say of him here?
//
// Owns: the comparison of a proxy's claims with the VO's bundle, and what of the member's groups and roles
// counts in such a login. Pure. Process: xosd. Trusts: the verifier's claims as far as the chain goes; the
// bundle says who has which name, groups and roles.
#pragma once

#include <chrono>

#include "common/credential/xos_cert.h"
#include "common/failure.h"
#include "xosd/node_config.h"
#include "xosd/trust/trusted_vo.h"
#include "xosd/verifier/verifier_protocol.h"

namespace xos {

// Whether the VO names a VOMS and the owner of the node lists the VO.
bool accepts_voms(const TrustedVo& vo, const NodeConfig& node);
// What the verifier is told of the VO's VOMS; nothing where it is not accepted. Without it the verifier
// refuses every VOMS proxy.
std::optional<VomsRequest> voms_request(const TrustedVo& vo, const NodeConfig& node);

// credential.grid is there. Issuer and subject are among member's identities; neither they nor the serial of
// any certificate down to the user's is revoked; no part began before member.credentials_from; the node
// accepts VOMS proxies of the VO. Errc::denied with the reason otherwise; an unknown subject is named in it.
Outcome<void> check_grid_login(const TrustedVo& vo, const NodeConfig& node, const Member& member,
                               const VerifiedCredential& credential);

// The member with those of the record's groups and roles that the proxy names: who makes one without a role
// does not act in it. Groups of accounts on the node are the record's, whatever the proxy says.
Member narrowed(const Member& member, const GridClaims& claims);

}  // namespace xos

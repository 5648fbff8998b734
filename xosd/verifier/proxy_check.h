// Is this chain a VOMS proxy that the VO believes?
//
// Owns: the order of the checks: form, sizes of keys, chain and revocation, rules of proxies, attribute
// certificate. Process: xos-verifier, in its sandbox. Trusts: the anchors, servers and lists of the request.
// libvomsapi has no part in it: OpenSSL decodes what it verifies, and nothing looks for files.
#pragma once

#include <string_view>

#include "common/failure.h"
#include "xosd/verifier/verifier_protocol.h"

namespace xos {

// chain_pem: is_grid_chain(). The credential has grid; whose it is, and which groups and roles it gives, is
// xosd's to say. Errc::invalid, denied as check_credential().
Outcome<VerifiedCredential> check_proxy(std::string_view chain_pem, const VerifyRequest& request);

}  // namespace xos

// The one decision of the verifier: does this SSH certificate carry a valid credential of this VO, for this
// key?
//
// Owns: the order of the checks. Pure apart from OpenSSL. Process: xos-verifier, in its sandbox.
// Trusts: the CA certificate of the request, and what the VO trusts for VOMS. The SSH certificate is hostile;
// of what it says, only the X.509 chain inside is believed, and that only once it is verified.
#pragma once

#include "common/failure.h"
#include "xosd/verifier/verifier_protocol.h"

namespace xos {

// The credential, or the reason why it is none: Errc::invalid for what is malformed, Errc::denied for what is
// sound but not valid here, now, or for this key. Revocation, membership and policy are xosd's to check.
Outcome<VerifiedCredential> check_credential(const VerifyRequest& request);

}  // namespace xos

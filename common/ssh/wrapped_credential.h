// From an XOS-Cert to what a stock ssh client presents: the SSH certificate around it.
//
// Owns: what our SSH certificates say. Process: the xos command; the verifier, to check itself at its start.
// Trusts: the caller to have verified that credential belongs to chain_pem.
#pragma once

#include <string>
#include <string_view>

#include "common/credential/signing_key.h"
#include "common/credential/xos_cert.h"
#include "common/failure.h"

namespace xos {

// "user1@physics"
std::string login_name(const XosAttributes& attributes);

// The SSH certificate (a blob) for key, signed by key: principal and key id are the login name, validity and
// serial the credential's. denied where key is not the one that was certified.
Outcome<std::string> wrap_credential(const VerifiedCredential& credential, std::string_view chain_pem,
                                     const SigningKey& key);

}  // namespace xos

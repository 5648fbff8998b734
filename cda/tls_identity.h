// The key and certificate by which the authority is known on the network.
//
// Owns: STATE/tls.key (P-256, PKCS#8) and STATE/tls.pem, made where they are absent. The certificate is
// signed by its own key and names nobody: who connects knows the authority by the pin, which is in the VO's
// signed record. Process: xos-cda. Trusts: the state directory, which is this user's alone.
#pragma once

#include <chrono>
#include <string>

#include "common/failure.h"

namespace xos {

struct TlsIdentity {
    std::string key_pem;  // unencrypted: a secret
    std::string certificate_pem;
    std::string pin;  // SHA-256 of the public key (SPKI, DER), in the form of key_fingerprint()
};

// secret encrypts the key where it is not empty; a key that was kept without it is encrypted at this use.
Outcome<TlsIdentity> open_tls_identity(const std::string& state, std::string_view secret,
                                       std::chrono::sys_seconds now);

}  // namespace xos

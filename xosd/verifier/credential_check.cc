#include "xosd/verifier/credential_check.h"

#include "common/ssh/ssh_cert.h"

namespace xos {

Outcome<VerifiedCredential> check_credential(const VerifyRequest& request) {
    const auto blob = ssh_blob_from_text(request.ssh_key);
    if (!blob) return std::unexpected(blob.error());
    const auto cert = decode_ssh_cert(*blob);  // its signer is its own key
    if (!cert) return std::unexpected(cert.error());
    auto credential =
        verify_chain(as_bytes(cert->chain_pem), request.ca_certificate, request.vo, request.now);
    if (!credential) return credential;
    // Without this, anybody could wrap a credential that was seen on the wire with a key of their own.
    const bool same_key = credential->public_key.type == KeyType::ed25519 &&
                          as_text(credential->public_key.bytes) == cert->public_key;
    if (!same_key)
        return failure(Errc::denied, "the SSH certificate's key is not the key of the credential of {}@{}",
                       credential->attributes.login, credential->attributes.vo);
    return credential;
}

}  // namespace xos

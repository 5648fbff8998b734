#include "xosd/verifier/credential_check.h"

#include "common/ssh/ssh_cert.h"
#include "common/ssh/wrapped_credential.h"
#include "common/voms/proxy_chain.h"
#include "xosd/verifier/proxy_check.h"

namespace xos {

Outcome<VerifiedCredential> check_credential(const VerifyRequest& request) {
    const auto blob = ssh_blob_from_text(request.ssh_key);
    if (!blob) return std::unexpected(blob.error());
    const auto cert = decode_ssh_cert(*blob);  // its signer is its own key
    if (!cert) return std::unexpected(cert.error());
    // A chain with a proxy goes one way only: what one check refuses is not offered to the other.
    auto credential =
        is_grid_chain(cert->chain_pem)
            ? check_proxy(cert->chain_pem, request)
            : verify_chain(as_bytes(cert->chain_pem), request.ca_certificate, request.vo, request.now);
    if (!credential) return credential;
    // Without this, anybody could wrap a credential that was seen on the wire with a key of their own.
    const bool same_key = credential->public_key.type == cert->key_type &&
                          as_text(credential->public_key.bytes) == cert->public_key;
    if (!same_key)
        return failure(Errc::denied, "the SSH certificate's key is not the key of the credential of {}",
                       credential->grid ? credential->grid->subject : login_name(credential->attributes));
    return credential;
}

}  // namespace xos

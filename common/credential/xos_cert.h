// XOS-Cert: the X.509 v3 certificate of a VO user, and the VO's CA that issues it.
//
// Owns: the certificate profile, the extension with the VO's attributes, issuing and verifying.
// Process: verify_chain() in the sandboxed verifier; issuing in the authority; requests at the user's desk.
// Trusts: the CA certificate handed in (it comes from the VO's signed record). Certificates and requests are
// hostile.
//
// Profile: Ed25519 (P-256 accepted in users' keys); subject O=<vo>, CN=<login>; CA:FALSE and digitalSignature
// critical; EKU clientAuth; at most 24 h; one non-critical extension kAttributesOid, exactly once:
//     SEQUENCE { version INTEGER (1), vo UTF8String, userId UTF8String, login UTF8String, number INTEGER,
//                groups SEQUENCE OF UTF8String, roles SEQUENCE OF UTF8String }
// It is not critical because stock OpenSSL and curl refuse critical extensions that they do not know.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/credential/grid_claims.h"
#include "common/credential/public_key.h"
#include "common/credential/signing_key.h"
#include "common/encoding.h"
#include "common/failure.h"
#include "libxos/names.h"

namespace xos {

// 2.25.<UUID as an integer>: ITU-T X.667; the UUID was drawn once for this project.
inline constexpr char kAttributesOid[] = "2.25.261987962655825287174772067456787876182";
inline constexpr size_t kAttributesMax = 8 * 1024;  // bytes of DER
inline constexpr size_t kChainLengthMax = 6;        // certificates
inline constexpr std::chrono::hours kCredentialLifetime{12};
inline constexpr std::chrono::hours kCredentialLifetimeMax{24};
inline constexpr std::chrono::minutes kCredentialBackdate{5};

struct XosAttributes {
    std::string vo;
    std::string user_id;              // UUID, lower case
    std::string login;                // user name without @vo
    uint32_t number = 0;              // the member's, 1..3/4 kBlockSizeMax - 1
    std::vector<std::string> groups;  // without "members"
    std::vector<std::string> roles;

    bool operator==(const XosAttributes&) const = default;
};

struct VerifiedCredential {
    XosAttributes attributes;  // of a VOMS proxy the VO alone: the rest is in grid
    std::string serial;        // of the leaf; lower-case hex, two digits a byte
    std::string fingerprint;   // "SHA256:" and unpadded base64 of the SHA-256 of the leaf's DER
    std::chrono::sys_seconds not_before, not_after;
    PublicKey public_key;
    std::string pem;                 // the leaf alone; of a VOMS proxy the chain down to the end entity
    std::optional<GridClaims> grid;  // a VOMS proxy; nothing: an XOS-Cert
};

// The extension's value. decode checks every field's grammar and accepts no second spelling of the same
// value.
Outcome<Bytes> encode_attributes(const XosAttributes& attributes);
Outcome<XosAttributes> decode_attributes(std::span<const uint8_t> der);

// The VO's self-signed CA certificate (DER): pathlen 0, name constraint O=<vo>, both critical.
Outcome<Bytes> create_ca(std::string_view vo, const SigningKey& ca_key, std::chrono::sys_seconds not_before,
                         std::chrono::sys_seconds not_after);

// A certificate request (PKCS#10 PEM) for the key's owner, subject CN=<login>; login is user1 without @vo.
Outcome<std::string> make_request(std::string_view login, const SigningKey& user_key);

struct IssuedCredential {
    std::string serial;       // as in VerifiedCredential
    std::string fingerprint;  // likewise
    std::chrono::sys_seconds not_before, not_after;
    std::string chain_pem;  // the leaf, then the CA certificate
};

// Certifies the key in a PKCS#10 PEM request: its signature and its CN (= attributes.login) are checked, all
// else in it is ignored. lifetime: at most kCredentialLifetimeMax, and never beyond the CA's own end.
Outcome<IssuedCredential> issue_credential(std::string_view request_pem, const XosAttributes& attributes,
                                           std::span<const uint8_t> ca_certificate, const SigningKey& ca_key,
                                           std::chrono::sys_seconds now,
                                           std::chrono::seconds lifetime = kCredentialLifetime);

// Verifies a leaf (DER) or a PEM chain, leaf first, against that one VO's CA at the time now.
// Opens no file, reads no environment. Revocation, the member's record and policy are the caller's.
// Errc::invalid: not a certificate of this profile; Errc::denied: a sound one that is not valid here or now.
Outcome<VerifiedCredential> verify_chain(std::span<const uint8_t> leaf_der_or_pem_chain,
                                         std::span<const uint8_t> ca_certificate,
                                         std::string_view expected_vo, std::chrono::sys_seconds now);

// Makes OpenSSL ready without its configuration file; call before entering a sandbox, first of all uses of
// OpenSSL.
void prepare_openssl();

// Strict PEM: nothing but CERTIFICATE blocks, at most kChainLengthMax; their DER in order.
Outcome<std::vector<Bytes>> split_pem_chain(std::string_view pem);
std::string certificate_pem(std::span<const uint8_t> der);

}  // namespace xos

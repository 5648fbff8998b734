// The OpenSSH user certificate that carries an XOS-Cert through a stock ssh client (OpenSSH,
// PROTOCOL.certkeys).
//
// Owns: encoding and decoding of certificates of Ed25519, P-256 and RSA keys where the certified key is its
// own signer and the extension kXosExtension holds the X.509 chain. Process: the xos command (encodes), the
// verifier (decodes). Trusts: nothing. The signature proves only that the holder of the key wrote the
// certificate: what it says of principals, validity or permissions is the user's own claim. Only the X.509
// chain inside can be believed, once verified.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/credential/public_key.h"
#include "common/failure.h"

namespace xos {

// Of XOS-Certs, whose keys are Ed25519; ssh_key.h has the other types.
inline constexpr char kSshKeyType[] = "ssh-ed25519";
inline constexpr char kSshCertType[] = "ssh-ed25519-cert-v01@openssh.com";
inline constexpr char kXosExtension[] = "xos-cert@xtreemos.org";

struct SshCert {
    std::string public_key;  // the bytes of PublicKey of the type key_type
    uint64_t serial = 0;
    std::string key_id;
    std::vector<std::string> principals;
    uint64_t valid_after = 0;   // seconds since 1970
    uint64_t valid_before = 0;  // the first second in which it is not valid
    std::string chain_pem;      // the X.509 chain, as yet unverified
    KeyType key_type = KeyType::ed25519;
};

// Signs the bytes it is given with the private half of the certificate's public_key: 64 bytes, Ed25519.
using Ed25519Sign = std::function<Outcome<std::string>(std::string_view)>;

// Likewise for any key: a signature as sign_for_ssh() makes it.
struct SshSign {
    std::function<Outcome<std::string>(std::string_view)> sign;
    Outcome<std::string> operator()(std::string_view bytes) const { return sign(bytes); }
};

// The certificate as SSH sends it, at most kCredentialMax bytes, self-signed. It permits all that OpenSSH's
// own ssh-keygen permits by default, so that the "restrict,..." line of the node alone decides.
Outcome<std::string> encode_ssh_cert(const SshCert& cert, const Ed25519Sign& sign);
Outcome<std::string> encode_ssh_cert(const SshCert& cert, const SshSign& sign);

// The certificate in blob. Refused as invalid, with the reason: anything but a user certificate of an
// Ed25519, P-256 or RSA key (of kRsaBitsMin to kRsaBitsMax bits), a wrong signature or one with SHA-1, a
// signer that is not the certified key, critical options, extensions out of order or repeated, a missing
// chain, bytes left over.
Outcome<SshCert> decode_ssh_cert(std::string_view blob);

// The blob in "BASE64", "TYPE BASE64" or sshd's SSH_AUTH_INFO_0 line "publickey TYPE BASE64"; TYPE has to be
// ours.
Outcome<std::string> ssh_blob_from_text(std::string_view text);
// One line of a .pub file, with a line end. comment must be printable and is not checked.
std::string ssh_cert_line(std::string_view blob, std::string_view comment);

// "SHA256:..." of a plain Ed25519 key, as ssh-keygen -l prints it.
std::string ssh_fingerprint(std::string_view public_key);

}  // namespace xos

#include "common/ssh/ssh_cert.h"

#include <openssl/rand.h>

#include <optional>

#include "common/credential/fingerprint.h"
#include "common/encoding.h"
#include "common/ssh/ssh_key.h"
#include "common/ssh/ssh_wire.h"
#include "libxos/names.h"

namespace xos {
namespace {

constexpr uint32_t kUserCertificate = 1;  // SSH_CERT_TYPE_USER
constexpr size_t kNonceSize = 32;
constexpr size_t kNonceMax = 64;
constexpr size_t kNameMax = 256;
constexpr size_t kPrincipalsMax = 256;  // sshkey.c, SSHKEY_CERT_MAX_PRINCIPALS
constexpr size_t kExtensionsMax = 64;

// What ssh-keygen(1) grants where it is not told otherwise, in the order that the format demands.
constexpr const char* kPermissions[] = {"permit-X11-forwarding", "permit-agent-forwarding",
                                        "permit-port-forwarding", "permit-pty", "permit-user-rc"};

std::string packed(std::string_view type, std::string_view value) {
    std::string out;
    put_string(out, type);
    put_string(out, value);
    return out;
}

PublicKey key_of(const SshCert& cert) {
    return {cert.key_type, Bytes(cert.public_key.begin(), cert.public_key.end())};
}

Outcome<std::vector<std::string>> decode_principals(std::string_view bytes) {
    std::vector<std::string> principals;
    SshReader reader(bytes);
    while (reader.more() && principals.size() < kPrincipalsMax)
        principals.emplace_back(reader.string(kNameMax));
    if (!reader.complete())
        return failure(Errc::invalid, "the SSH certificate's list of principals is malformed");
    return principals;
}

// The chain among the extensions. Strictly ascending names mean that none is repeated.
Outcome<std::string> decode_extensions(std::string_view bytes) {
    std::string_view before;
    std::optional<std::string> chain;
    SshReader reader(bytes);
    for (size_t count = 0; reader.more(); ++count) {
        const std::string_view name = reader.string(kNameMax);
        const std::string_view data = reader.string(kCredentialMax);
        if (reader.failed() || count == kExtensionsMax) break;
        if (count > 0 && name <= before)
            return failure(Errc::invalid, "the SSH certificate's extensions are repeated or out of order");
        before = name;
        if (name != kXosExtension) continue;
        SshReader value(data);
        chain = value.string(kCredentialMax);
        if (!value.complete()) return failure(Errc::invalid, "the SSH certificate's chain is malformed");
    }
    if (!reader.complete()) return failure(Errc::invalid, "the SSH certificate's extensions are malformed");
    if (!chain) return failure(Errc::invalid, "the SSH certificate carries no XOS credential");
    return *chain;
}

std::string encode_body(const SshCert& cert, std::string_view nonce) {
    std::string principals, extensions, body;
    for (const std::string& principal : cert.principals) put_string(principals, principal);
    for (const char* permission : kPermissions) extensions += packed(permission, "");
    std::string chain;
    put_string(chain, cert.chain_pem);
    extensions += packed(kXosExtension, chain);
    put_string(body, ssh_cert_type(cert.key_type));
    put_string(body, nonce);
    body += ssh_fields(key_of(cert));
    put_u64(body, cert.serial);
    put_u32(body, kUserCertificate);
    put_string(body, cert.key_id);
    put_string(body, principals);
    put_u64(body, cert.valid_after);
    put_u64(body, cert.valid_before);
    put_string(body, "");  // critical options
    put_string(body, extensions);
    put_string(body, "");  // reserved
    put_string(body, ssh_key_blob(key_of(cert)));
    return body;
}

}  // namespace

Outcome<std::string> encode_ssh_cert(const SshCert& cert, const SshSign& sign) {
    if (!make_pkey(key_of(cert))) return failure(Errc::invalid, "not a key that an SSH certificate can hold");
    unsigned char nonce[kNonceSize];
    if (RAND_bytes(nonce, sizeof nonce) != 1) return failure(Errc::system, "no random numbers from OpenSSL");
    std::string body = encode_body(cert, {reinterpret_cast<const char*>(nonce), sizeof nonce});
    const auto signature = sign(body);
    if (!signature) return signature;
    put_string(body, *signature);
    if (body.size() > kCredentialMax)
        return failure(Errc::invalid,
                       "the credential is too large for an SSH certificate: {} bytes of at most {}",
                       body.size(), kCredentialMax);
    return body;
}

Outcome<std::string> encode_ssh_cert(const SshCert& cert, const Ed25519Sign& sign) {
    if (cert.key_type != KeyType::ed25519) return failure(Errc::invalid, "not an Ed25519 key");
    return encode_ssh_cert(cert, SshSign{[&](std::string_view body) -> Outcome<std::string> {
                               const auto signature = sign(body);
                               if (!signature) return signature;
                               return packed(kSshKeyType, *signature);
                           }});
}

Outcome<SshCert> decode_ssh_cert(std::string_view blob) {
    if (blob.size() > kCredentialMax)
        return failure(Errc::invalid, "the SSH certificate has {} bytes, at most {} are read", blob.size(),
                       kCredentialMax);
    SshReader reader(blob);
    const auto key_type = parse_ssh_cert_type(reader.string(kNameMax));
    if (!key_type) return failure(Errc::invalid, "not an SSH certificate of an Ed25519, P-256 or RSA key");
    SshCert cert;
    reader.string(kNonceMax);
    const auto key = read_ssh_fields(reader, *key_type);
    if (!key)
        return failure(Errc::invalid,
                       "the SSH certificate is malformed, or its RSA key has not {} to {} bits", kRsaBitsMin,
                       kRsaBitsMax);
    cert.key_type = key->type;
    cert.public_key = as_text(key->bytes);
    cert.serial = reader.u64();
    const uint32_t type = reader.u32();
    cert.key_id = reader.string(kNameMax);
    const std::string_view principals = reader.string(kCredentialMax);
    cert.valid_after = reader.u64();
    cert.valid_before = reader.u64();
    const std::string_view critical_options = reader.string(kCredentialMax);
    const std::string_view extensions = reader.string(kCredentialMax);
    const std::string_view reserved = reader.string(kCredentialMax);
    const std::string_view signer_blob = reader.string(kCredentialMax);
    const std::string_view body = blob.substr(0, blob.size() - reader.left());
    const std::string_view signature = reader.string(kCredentialMax);
    if (!reader.complete()) return failure(Errc::invalid, "the SSH certificate is malformed");
    if (type != kUserCertificate) return failure(Errc::invalid, "the SSH certificate is not a user's");
    if (!critical_options.empty() || !reserved.empty())
        return failure(Errc::invalid, "the SSH certificate has critical options, which are not supported");
    // a key has one encoding, or read_ssh_fields() refuses it
    if (signer_blob != ssh_key_blob(*key))
        return failure(Errc::invalid, "the SSH certificate is signed by another key");
    if (!is_ssh_signature(*key, body, signature))
        return failure(Errc::invalid, "the signature of the SSH certificate is wrong");
    auto names = decode_principals(principals);
    if (!names) return std::unexpected(names.error());
    cert.principals = std::move(*names);
    auto chain = decode_extensions(extensions);
    if (!chain) return std::unexpected(chain.error());
    cert.chain_pem = std::move(*chain);
    return cert;
}

Outcome<std::string> ssh_blob_from_text(std::string_view text) {
    constexpr std::string_view kMethod = "publickey ";
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (text.starts_with(kMethod)) text.remove_prefix(kMethod.size());
    if (const size_t space = text.find(' '); space != std::string_view::npos) {
        if (!parse_ssh_cert_type(text.substr(0, space)))
            return failure(Errc::invalid, "not an SSH certificate of an Ed25519, P-256 or RSA key");
        text.remove_prefix(space + 1);
    }
    if (text.size() > kCredentialMax / 3 * 4 + 4)
        return failure(Errc::invalid, "the SSH certificate has {} characters: too many", text.size());
    const auto blob = decode_base64(text);
    if (!blob) return failure(Errc::invalid, "the SSH certificate is not base64");
    return std::string(as_text(*blob));
}

std::string ssh_cert_line(std::string_view blob, std::string_view comment) {
    const std::string_view type = SshReader(blob).string(kNameMax);
    return compose("{} {} {}\n", type, encode_base64(as_bytes(blob)), comment);
}

std::string ssh_fingerprint(std::string_view public_key) {
    return sha256_fingerprint(as_bytes(packed(kSshKeyType, public_key)));
}

}  // namespace xos

#include "common/ssh/ssh_cert.h"

#include <openssl/rand.h>

#include <optional>

#include "common/credential/fingerprint.h"
#include "common/credential/signing_key.h"
#include "common/encoding.h"
#include "common/ssh/ssh_wire.h"
#include "libxos/names.h"

namespace xos {
namespace {

constexpr uint32_t kUserCertificate = 1;  // SSH_CERT_TYPE_USER
constexpr size_t kKeySize = 32;
constexpr size_t kSignatureSize = 64;
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

// value of the packed pair (type, value) in bytes, where type and size are as wanted.
std::optional<std::string_view> unpacked(std::string_view bytes, std::string_view type, size_t size) {
    SshReader reader(bytes);
    const std::string_view found = reader.string(kNameMax);
    const std::string_view value = reader.string(size);
    if (!reader.complete() || found != type || value.size() != size) return std::nullopt;
    return value;
}

bool signature_is_good(std::string_view public_key, std::string_view signature, std::string_view body) {
    return verify_ed25519(as_bytes(public_key).first<kKeySize>(), as_bytes(body), as_bytes(signature));
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
    put_string(body, kSshCertType);
    put_string(body, nonce);
    put_string(body, cert.public_key);
    put_u64(body, cert.serial);
    put_u32(body, kUserCertificate);
    put_string(body, cert.key_id);
    put_string(body, principals);
    put_u64(body, cert.valid_after);
    put_u64(body, cert.valid_before);
    put_string(body, "");  // critical options
    put_string(body, extensions);
    put_string(body, "");  // reserved
    put_string(body, packed(kSshKeyType, cert.public_key));
    return body;
}

}  // namespace

Outcome<std::string> encode_ssh_cert(const SshCert& cert, const Ed25519Sign& sign) {
    if (cert.public_key.size() != kKeySize) return failure(Errc::invalid, "not an Ed25519 key");
    unsigned char nonce[kNonceSize];
    if (RAND_bytes(nonce, sizeof nonce) != 1) return failure(Errc::system, "no random numbers from OpenSSL");
    std::string body = encode_body(cert, {reinterpret_cast<const char*>(nonce), sizeof nonce});
    const auto signature = sign(body);
    if (!signature) return signature;
    put_string(body, packed(kSshKeyType, *signature));
    if (body.size() > kCredentialMax)
        return failure(Errc::invalid,
                       "the credential is too large for an SSH certificate: {} bytes of at most {}",
                       body.size(), kCredentialMax);
    return body;
}

Outcome<SshCert> decode_ssh_cert(std::string_view blob) {
    if (blob.size() > kCredentialMax)
        return failure(Errc::invalid, "the SSH certificate has {} bytes, at most {} are read", blob.size(),
                       kCredentialMax);
    SshReader reader(blob);
    if (reader.string(kNameMax) != kSshCertType)
        return failure(Errc::invalid, "not an SSH certificate of an Ed25519 key");
    SshCert cert;
    reader.string(kNonceMax);
    cert.public_key = reader.string(kKeySize);
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
    const std::string_view signature_blob = reader.string(kCredentialMax);
    if (!reader.complete() || cert.public_key.size() != kKeySize)
        return failure(Errc::invalid, "the SSH certificate is malformed");
    if (type != kUserCertificate) return failure(Errc::invalid, "the SSH certificate is not a user's");
    if (!critical_options.empty() || !reserved.empty())
        return failure(Errc::invalid, "the SSH certificate has critical options, which are not supported");
    const auto signer = unpacked(signer_blob, kSshKeyType, kKeySize);
    const auto signature = unpacked(signature_blob, kSshKeyType, kSignatureSize);
    if (!signer || !signature)
        return failure(Errc::invalid, "the SSH certificate is not signed by an Ed25519 key");
    if (*signer != cert.public_key)
        return failure(Errc::invalid, "the SSH certificate is signed by another key");
    if (!signature_is_good(*signer, *signature, body))
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
        if (text.substr(0, space) != kSshCertType)
            return failure(Errc::invalid, "not an SSH certificate of an Ed25519 key");
        text.remove_prefix(space + 1);
    }
    if (text.size() > kCredentialMax / 3 * 4 + 4)
        return failure(Errc::invalid, "the SSH certificate has {} characters: too many", text.size());
    const auto blob = decode_base64(text);
    if (!blob) return failure(Errc::invalid, "the SSH certificate is not base64");
    return std::string(as_text(*blob));
}

std::string ssh_cert_line(std::string_view blob, std::string_view comment) {
    return compose("{} {} {}\n", kSshCertType, encode_base64(as_bytes(blob)), comment);
}

std::string ssh_fingerprint(std::string_view public_key) {
    return sha256_fingerprint(as_bytes(packed(kSshKeyType, public_key)));
}

}  // namespace xos

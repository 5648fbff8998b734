#include "common/ssh/host_cert.h"

#include <openssl/rand.h>

#include "common/encoding.h"
#include "common/ssh/ssh_cert.h"
#include "common/ssh/ssh_key.h"
#include "common/ssh/ssh_wire.h"

namespace xos {
namespace {

constexpr uint32_t kHostCertificate = 2;  // SSH_CERT_TYPE_HOST
constexpr size_t kKeySize = 32;
constexpr size_t kNonceSize = 32;
constexpr size_t kNameMax = 256;
constexpr size_t kCertMax = 64 * 1024;

PublicKey public_key(std::span<const uint8_t> bytes) {
    return {KeyType::ed25519, Bytes(bytes.begin(), bytes.end())};
}

// The blob of a line "TYPE BASE64 [comment]".
Outcome<std::string> read_line(std::string_view line, std::string_view type, std::string_view what) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.size() > kCertMax || line.contains('\n') || !line.starts_with(type) ||
        !line.substr(type.size()).starts_with(' '))
        return failure(Errc::invalid, "{}: expected one line that begins with {}", what, type);
    line.remove_prefix(type.size() + 1);
    const auto bytes = decode_base64(line.substr(0, line.find(' ')));
    if (!bytes) return failure(Errc::invalid, "{}: its key is not base64", what);
    return std::string(as_text(*bytes));
}

}  // namespace

Outcome<std::string> read_host_key(std::string_view line) {
    const auto blob = read_line(line, kSshKeyType, "SSH host key");
    if (!blob) return blob;
    SshReader reader(*blob);
    const std::string_view type = reader.string(kNameMax);
    const auto key = read_ssh_fields(reader, KeyType::ed25519);
    if (!reader.complete() || type != kSshKeyType || !key)
        return failure(Errc::invalid, "SSH host key: expected ssh-ed25519");
    return std::string(as_text(key->bytes));
}

Outcome<std::string> sign_host_cert(const HostCert& cert, const SigningKey& host_ca) {
    if (cert.public_key.size() != kKeySize || cert.principals.empty())
        return failure(Errc::invalid, "a host certificate needs an Ed25519 key and a host name");
    unsigned char nonce[kNonceSize];
    if (RAND_bytes(nonce, sizeof nonce) != 1) return failure(Errc::system, "no random numbers from OpenSSL");
    std::string principals, body;
    for (const std::string& principal : cert.principals) put_string(principals, principal);
    put_string(body, kSshCertType);
    put_string(body, {reinterpret_cast<const char*>(nonce), sizeof nonce});
    put_string(body, cert.public_key);
    put_u64(body, cert.serial);
    put_u32(body, kHostCertificate);
    put_string(body, cert.key_id);
    put_string(body, principals);
    put_u64(body, cert.valid_after);
    put_u64(body, cert.valid_before);
    put_string(body, "");  // critical options: there are none for hosts
    put_string(body, "");  // extensions, likewise
    put_string(body, "");  // reserved
    put_string(body, ssh_key_blob(public_key(host_ca.public_bytes())));
    const auto signature = sign_for_ssh(host_ca.pkey(), body);
    if (!signature) return signature;
    put_string(body, *signature);
    return ssh_cert_line(body, cert.principals.front());
}

Outcome<HostCert> open_host_cert(std::string_view line, std::span<const uint8_t, 32> host_ca) {
    const auto blob = read_line(line, kSshCertType, "SSH host certificate");
    if (!blob) return std::unexpected(blob.error());
    SshReader reader(*blob);
    HostCert cert;
    const std::string_view type = reader.string(kNameMax);
    reader.string(kNonceSize);
    cert.public_key = reader.string(kKeySize);
    cert.serial = reader.u64();
    const uint32_t kind = reader.u32();
    cert.key_id = reader.string(kNameMax);
    SshReader principals(reader.string(kCertMax));
    cert.valid_after = reader.u64();
    cert.valid_before = reader.u64();
    const std::string_view options = reader.string(kCertMax), extensions = reader.string(kCertMax);
    const std::string_view reserved = reader.string(kCertMax), signer = reader.string(kNameMax);
    const std::string_view body = std::string_view(*blob).substr(0, blob->size() - reader.left());
    const std::string_view signature = reader.string(kNameMax);
    while (principals.more()) cert.principals.emplace_back(principals.string(kNameMax));
    if (!reader.complete() || !principals.complete() || type != kSshCertType || kind != kHostCertificate ||
        cert.public_key.size() != kKeySize || cert.principals.empty() || !options.empty() ||
        !extensions.empty() || !reserved.empty())
        return failure(Errc::invalid, "the SSH host certificate is not one of an Ed25519 host key");
    const PublicKey ca = public_key(host_ca);
    if (signer != ssh_key_blob(ca) || !is_ssh_signature(ca, body, signature))
        return failure(Errc::denied, "the SSH host certificate is not signed by the VO's host CA");
    return cert;
}

std::string host_ca_line(std::span<const uint8_t, 32> host_ca) {
    return compose("{} {}", kSshKeyType, encode_base64(as_bytes(ssh_key_blob(public_key(host_ca)))));
}

std::string known_hosts_line(std::string_view pattern, std::span<const uint8_t, 32> host_ca,
                             std::string_view comment) {
    return compose("@cert-authority {} {} {}\n", pattern, host_ca_line(host_ca), comment);
}

}  // namespace xos

#include "common/ssh/wrapped_credential.h"

#include <algorithm>
#include <charconv>

#include "common/encoding.h"
#include "common/ssh/ssh_cert.h"

namespace xos {
namespace {

// SSH has room for 64 bits of the serial: the last ones. They appear in sshd's log and decide nothing.
uint64_t short_serial(std::string_view hex) {
    constexpr size_t kDigits = 16;
    const std::string_view last = hex.substr(hex.size() - std::min(hex.size(), kDigits));
    uint64_t serial = 0;
    std::from_chars(last.data(), last.data() + last.size(), serial, 16);
    return serial;
}

}  // namespace

std::string login_name(const XosAttributes& attributes) {
    return attributes.login + "@" + attributes.vo;
}

Outcome<std::string> wrap_credential(const VerifiedCredential& credential, std::string_view chain_pem,
                                     const SigningKey& key) {
    const auto own = key.public_bytes();
    if (credential.public_key.type != KeyType::ed25519 ||
        !std::ranges::equal(credential.public_key.bytes, own))
        return failure(Errc::denied, "the credential of {} is for another key",
                       login_name(credential.attributes));
    const auto seconds = [](std::chrono::sys_seconds time) {
        return static_cast<uint64_t>(time.time_since_epoch().count());
    };
    const SshCert cert{.public_key = std::string(as_text(own)),
                       .serial = short_serial(credential.serial),
                       .key_id = login_name(credential.attributes),
                       .principals = {login_name(credential.attributes)},
                       .valid_after = seconds(credential.not_before),
                       .valid_before = seconds(credential.not_after),
                       .chain_pem = std::string(chain_pem)};
    return encode_ssh_cert(cert, [&](std::string_view bytes) -> Outcome<std::string> {
        const auto signature = key.sign(as_bytes(bytes));
        if (!signature) return std::unexpected(signature.error());
        return std::string(as_text(*signature));
    });
}

}  // namespace xos

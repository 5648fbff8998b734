// Ed25519 keys (RFC 8032): making, keeping, signing.
//
// Owns: SigningKey, the private half; verify_ed25519() for the public one. Process: programs only.
// Trusts: the key file's contents only after they parse as exactly one Ed25519 key.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "common/credential/openssl_ptr.h"
#include "common/failure.h"
#include "libxos/unique_fd.h"

namespace xos {

using Ed25519Signature = std::array<uint8_t, 64>;

class SigningKey {
  public:
    static Outcome<SigningKey> generate();
    // PKCS#8 PEM; passphrase empty: the key must be unencrypted.
    static Outcome<SigningKey> from_pem(std::string_view pem, std::string_view passphrase = {});

    // PKCS#8 PEM; encrypted (scrypt, AES-256) where passphrase is not empty. The result is secret.
    Outcome<std::string> to_pem(std::string_view passphrase = {}) const;
    std::array<uint8_t, 32> public_bytes() const { return public_bytes_; }
    Outcome<Ed25519Signature> sign(std::span<const uint8_t> message) const;
    EVP_PKEY* pkey() const { return pkey_.get(); }  // borrowed

  private:
    explicit SigningKey(PkeyPtr pkey) : pkey_(std::move(pkey)) {}
    static Outcome<SigningKey> adopt(PkeyPtr pkey);

    PkeyPtr pkey_;
    std::array<uint8_t, 32> public_bytes_{};
};

// Whether signature is that of public_key over message.
bool verify_ed25519(std::span<const uint8_t, 32> public_key, std::span<const uint8_t> message,
                    std::span<const uint8_t> signature);

// The text of the key file name inside directory: a secret, a byte more at most than from_pem() takes.
// Refused: a link, a file that others may read or write. Errc::not_found where there is none.
Outcome<std::string> read_key_file(int directory, const char* name);
// The same, and the key in it.
Outcome<SigningKey> load_signing_key(int directory, const char* name, std::string_view passphrase = {});
// Writes a new file, mode 0600, synced to disk; refuses to replace one.
Outcome<void> store_signing_key(int directory, const char* name, const SigningKey& key,
                                std::string_view passphrase = {});

}  // namespace xos

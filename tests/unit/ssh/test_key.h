// An Ed25519 key pair made for a test. Process: tests only. Trusts: OpenSSL.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

#include "common/credential/signing_key.h"
#include "common/encoding.h"
#include "common/ssh/ssh_cert.h"

namespace xos::test {

class TestKey {
  public:
    TestKey() : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free) {}

    std::string public_key() const { return raw(EVP_PKEY_get_raw_public_key); }
    std::string seed() const { return raw(EVP_PKEY_get_raw_private_key); }
    Ed25519Sign signer() const {
        return [this](std::string_view bytes) -> Outcome<std::string> {
            std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                            EVP_MD_CTX_free);
            std::string signature(64, '\0');
            size_t length = signature.size();
            EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get());
            EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length,
                           reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
            return signature;
        };
    }

    bool verifies(std::string_view bytes, std::string_view signature) const {
        const std::string own = public_key();
        return verify_ed25519(std::span<const uint8_t, 32>(as_bytes(own).data(), 32), as_bytes(bytes),
                              as_bytes(signature));
    }

  private:
    template <typename Get>
    std::string raw(Get get) const {
        std::string bytes(32, '\0');
        size_t length = bytes.size();
        get(key_.get(), reinterpret_cast<unsigned char*>(bytes.data()), &length);
        return bytes;
    }
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
};

inline SshCert test_cert(const TestKey& key, std::string chain = "-----BEGIN CERTIFICATE-----\n") {
    return {.public_key = key.public_key(),
            .serial = 7,
            .key_id = "user1@physics",
            .principals = {"user1@physics"},
            .valid_after = 1000,
            .valid_before = 4000000000,
            .chain_pem = std::move(chain)};
}

}  // namespace xos::test

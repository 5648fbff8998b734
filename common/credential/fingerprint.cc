#include "common/credential/fingerprint.h"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

#include "common/encoding.h"

namespace xos {

std::string sha256_fingerprint(std::span<const uint8_t> bytes) {
    std::array<uint8_t, 32> digest;
    unsigned size = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
        throw std::runtime_error("OpenSSL has no SHA-256");
    return "SHA256:" + encode_base64_unpadded(digest);
}

}  // namespace xos

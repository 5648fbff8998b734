// Public keys of users, in the one form in which those of X.509 and of SSH are compared.
//
// Owns: the type, its limits, and the way from and to OpenSSL's keys. Pure. Process: programs only.
// Trusts: nothing; a key read here is of a known type and of a size within the limits.
#pragma once

#include "common/credential/openssl_ptr.h"
#include "common/encoding.h"
#include "common/failure.h"

namespace xos {

enum class KeyType : uint8_t { ed25519, p256, rsa };

// Bits of an RSA modulus: 112 bits of strength (NIST SP 800-57 part 1, table 2), and a bound on the work.
inline constexpr int kRsaBitsMin = 2048;
inline constexpr int kRsaBitsMax = 8192;
inline constexpr int kRsaExponentBitsMax = 64;  // OpenSSL's own bound for large moduli (rsa.h)

struct PublicKey {
    KeyType type = KeyType::ed25519;
    // ed25519: 32 raw bytes; p256: the uncompressed point, 65 bytes (04 x y), as in SSH key blobs;
    // rsa: DER of PKCS#1 RSAPublicKey
    Bytes bytes;

    bool operator==(const PublicKey&) const = default;
};

// Errc::invalid for a key of another type, curve or size; the message says what is taken.
Outcome<PublicKey> read_public_key(EVP_PKEY* key);
// Null where the bytes are no key of that type, or of a size that is not taken.
PkeyPtr make_pkey(const PublicKey& key);

}  // namespace xos

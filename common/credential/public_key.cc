#include "common/credential/public_key.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include <string_view>

namespace xos {
namespace {

constexpr size_t kEd25519Size = 32;
constexpr size_t kPointSize = 65;
constexpr uint8_t kUncompressed = 4;  // SEC 1, section 2.3.3
constexpr size_t kRsaDerMax = kRsaBitsMax / 8 + 64;

bool is_p256(EVP_PKEY* key) {
    char group[32];
    size_t size = 0;
    return EVP_PKEY_is_a(key, "EC") == 1 && EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1 &&
           std::string_view(group, size) == "prime256v1";
}

bool is_taken_rsa(EVP_PKEY* key) {
    if (EVP_PKEY_is_a(key, "RSA") != 1) return false;
    const int bits = EVP_PKEY_get_bits(key);
    if (bits < kRsaBitsMin || bits > kRsaBitsMax) return false;
    BIGNUM* found = nullptr;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &found) != 1) return false;
    const BignumPtr exponent(found);
    return BN_is_odd(exponent.get()) && !BN_is_one(exponent.get()) &&
           BN_num_bits(exponent.get()) <= kRsaExponentBitsMax;
}

Bytes rsa_der(EVP_PKEY* key) {
    unsigned char* der = nullptr;
    const int size = i2d_PublicKey(key, &der);
    if (size < 0) return {};
    Bytes bytes(der, der + size);
    OPENSSL_free(der);
    return bytes;
}

PkeyPtr make_rsa(const Bytes& der) {
    if (der.empty() || der.size() > kRsaDerMax) return nullptr;
    const unsigned char* at = der.data();
    PkeyPtr key(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, static_cast<long>(der.size())));
    if (!key || at != der.data() + der.size() || !is_taken_rsa(key.get())) return nullptr;
    return key;
}

PkeyPtr make_p256(const Bytes& point) {
    if (point.size() != kPointSize || point[0] != kUncompressed) return nullptr;
    const std::unique_ptr<EVP_PKEY_CTX, OpensslFree<EVP_PKEY_CTX_free>> context(
        EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    std::string group = "prime256v1";
    Bytes bytes = point;  // OSSL_PARAM wants bytes that may be written
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size()),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, bytes.data(), bytes.size()),
        OSSL_PARAM_construct_end()};
    EVP_PKEY* key = nullptr;
    if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        return nullptr;
    return PkeyPtr(key);
}

PkeyPtr make(const PublicKey& key) {
    switch (key.type) {
        case KeyType::ed25519:
            if (key.bytes.size() != kEd25519Size) return nullptr;
            return PkeyPtr(
                EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.bytes.data(), key.bytes.size()));
        case KeyType::p256:
            return make_p256(key.bytes);
        case KeyType::rsa:
            return make_rsa(key.bytes);
    }
    return nullptr;
}

}  // namespace

Outcome<PublicKey> read_public_key(EVP_PKEY* key) {
    size_t size = 0;
    PublicKey found;
    if (key != nullptr && EVP_PKEY_is_a(key, "ED25519") == 1) {
        found = {KeyType::ed25519, Bytes(kEd25519Size)};
        size = found.bytes.size();
        if (EVP_PKEY_get_raw_public_key(key, found.bytes.data(), &size) == 1 && size == kEd25519Size)
            return found;
    } else if (key != nullptr && is_p256(key)) {
        found = {KeyType::p256, Bytes(kPointSize)};
        if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, found.bytes.data(),
                                            found.bytes.size(), &size) == 1 &&
            size == kPointSize && found.bytes[0] == kUncompressed)
            return found;
    } else if (key != nullptr && is_taken_rsa(key)) {
        found = {KeyType::rsa, rsa_der(key)};
        if (!found.bytes.empty()) return found;
    }
    ERR_clear_error();
    return failure(Errc::invalid,
                   "a user's key must be Ed25519, P-256 (uncompressed) or RSA of {} to {} bits", kRsaBitsMin,
                   kRsaBitsMax);
}

PkeyPtr make_pkey(const PublicKey& key) {
    PkeyPtr made = make(key);
    if (!made) ERR_clear_error();
    return made;
}

}  // namespace xos

#include "common/ssh/ssh_key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "common/credential/openssl_failure.h"

namespace xos {
namespace {

constexpr std::string_view kCurve = "nistp256";
constexpr size_t kNameMax = 64;
constexpr int kNumberSize = 32;  // bytes of a P-256 signature's numbers

using DigestPtr = std::unique_ptr<EVP_MD_CTX, OpensslFree<EVP_MD_CTX_free>>;
using EcdsaPtr = std::unique_ptr<ECDSA_SIG, OpensslFree<ECDSA_SIG_free>>;
using ContextPtr = std::unique_ptr<EVP_PKEY_CTX, OpensslFree<EVP_PKEY_CTX_free>>;

// RFC 4251, section 5: big endian, a zero byte before a set top bit.
void put_mpint(std::string& out, const BIGNUM* number) {
    std::string bytes(static_cast<size_t>(BN_num_bytes(number)), '\0');
    BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
    if (!bytes.empty() && (bytes[0] & 0x80) != 0) bytes.insert(0, 1, '\0');
    put_string(out, bytes);
}

// Null unless it is positive and in the one form that put_mpint() makes.
BignumPtr take_mpint(SshReader& reader) {
    const std::string_view bytes = reader.string(kSshFieldMax);
    if (bytes.empty() || (bytes[0] & 0x80) != 0) return nullptr;
    if (bytes[0] == '\0' && (bytes.size() == 1 || (bytes[1] & 0x80) == 0)) return nullptr;
    return BignumPtr(BN_bin2bn(as_bytes(bytes).data(), static_cast<int>(bytes.size()), nullptr));
}

std::optional<PublicKey> read_raw(std::string_view bytes, KeyType type) {
    PublicKey key{type, Bytes(bytes.begin(), bytes.end())};
    if (!make_pkey(key)) return std::nullopt;
    return key;
}

struct FreeParameters {
    void operator()(OSSL_PARAM* parameters) const { OSSL_PARAM_free(parameters); }
};

std::optional<PublicKey> read_rsa(SshReader& reader) {
    const BignumPtr e = take_mpint(reader), n = take_mpint(reader);
    if (!e || !n || BN_num_bits(n.get()) > kRsaBitsMax || BN_num_bits(e.get()) > kRsaExponentBitsMax)
        return std::nullopt;
    const std::unique_ptr<OSSL_PARAM_BLD, OpensslFree<OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
    const ContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
    if (!builder || !context || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
        return std::nullopt;
    const std::unique_ptr<OSSL_PARAM, FreeParameters> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    EVP_PKEY* made = nullptr;
    if (EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
        return std::nullopt;
    const PkeyPtr pkey(made);
    auto key = read_public_key(pkey.get());
    if (!key) return std::nullopt;
    return std::move(*key);
}

std::string rsa_fields(const PublicKey& key) {
    const PkeyPtr pkey = make_pkey(key);
    std::string out;
    for (const char* name : {OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_N}) {
        BIGNUM* found = nullptr;
        if (!pkey || EVP_PKEY_get_bn_param(pkey.get(), name, &found) != 1) return "";
        put_mpint(out, BignumPtr(found).get());
    }
    return out;
}

// From DER, as OpenSSL has it, to two mpints.
Outcome<std::string> ecdsa_fields(std::string_view der) {
    const unsigned char* at = as_bytes(der).data();
    const EcdsaPtr numbers(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
    if (!numbers) return openssl_failure(Errc::system, "cannot read a signature made here");
    std::string out;
    put_mpint(out, ECDSA_SIG_get0_r(numbers.get()));
    put_mpint(out, ECDSA_SIG_get0_s(numbers.get()));
    return out;
}

std::optional<std::string> ecdsa_der(std::string_view fields) {
    SshReader reader(fields);
    BignumPtr r = take_mpint(reader), s = take_mpint(reader);
    const EcdsaPtr numbers(ECDSA_SIG_new());
    if (!reader.complete() || !r || !s || !numbers || BN_num_bytes(r.get()) > kNumberSize ||
        BN_num_bytes(s.get()) > kNumberSize || ECDSA_SIG_set0(numbers.get(), r.get(), s.get()) != 1)
        return std::nullopt;
    static_cast<void>(r.release());
    static_cast<void>(s.release());
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(numbers.get(), &der);
    if (size < 0) return std::nullopt;
    std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(size));
    OPENSSL_free(der);
    return out;
}

struct Algorithm {
    std::string_view name;
    KeyType type;
    const char* digest;  // null where the scheme has its own
};
constexpr Algorithm kAlgorithms[] = {{"ssh-ed25519", KeyType::ed25519, nullptr},
                                     {"ecdsa-sha2-nistp256", KeyType::p256, "SHA256"},
                                     {"rsa-sha2-512", KeyType::rsa, "SHA512"},
                                     {"rsa-sha2-256", KeyType::rsa, "SHA256"}};

}  // namespace

std::string_view ssh_key_type(KeyType type) {
    switch (type) {
        case KeyType::ed25519:
            return "ssh-ed25519";
        case KeyType::p256:
            return "ecdsa-sha2-nistp256";
        case KeyType::rsa:
            return "ssh-rsa";
    }
    return "";
}

std::string_view ssh_cert_type(KeyType type) {
    switch (type) {
        case KeyType::ed25519:
            return "ssh-ed25519-cert-v01@openssh.com";
        case KeyType::p256:
            return "ecdsa-sha2-nistp256-cert-v01@openssh.com";
        case KeyType::rsa:
            return "ssh-rsa-cert-v01@openssh.com";
    }
    return "";
}

std::optional<KeyType> parse_ssh_cert_type(std::string_view name) {
    for (const KeyType type : {KeyType::ed25519, KeyType::p256, KeyType::rsa})
        if (name == ssh_cert_type(type)) return type;
    return std::nullopt;
}

std::optional<PublicKey> read_ssh_fields(SshReader& reader, KeyType type) {
    std::optional<PublicKey> key;
    switch (type) {
        case KeyType::ed25519:
            key = read_raw(reader.string(kSshFieldMax), type);
            break;
        case KeyType::p256:
            if (reader.string(kNameMax) == kCurve) key = read_raw(reader.string(kSshFieldMax), type);
            break;
        case KeyType::rsa:
            key = read_rsa(reader);
            break;
    }
    if (!key) ERR_clear_error();
    if (reader.failed()) return std::nullopt;
    return key;
}

std::string ssh_fields(const PublicKey& key) {
    if (key.type == KeyType::rsa) return rsa_fields(key);
    std::string out;
    if (key.type == KeyType::p256) put_string(out, kCurve);
    put_string(out, as_text(key.bytes));
    return out;
}

std::string ssh_key_blob(const PublicKey& key) {
    std::string out;
    put_string(out, ssh_key_type(key.type));
    return out + ssh_fields(key);
}

Outcome<std::string> sign_for_ssh(EVP_PKEY* key, std::string_view message) {
    const auto own = read_public_key(key);
    if (!own) return std::unexpected(own.error());
    const Algorithm* algorithm = kAlgorithms;
    while (algorithm->type != own->type) ++algorithm;
    const DigestPtr context(EVP_MD_CTX_new());
    std::string signature(static_cast<size_t>(EVP_PKEY_get_size(key)), '\0');
    size_t size = signature.size();
    if (!context ||
        EVP_DigestSignInit_ex(context.get(), nullptr, algorithm->digest, nullptr, nullptr, key, nullptr) !=
            1 ||
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       as_bytes(message).data(), message.size()) != 1)
        return openssl_failure(Errc::system, "cannot sign with the user's key");
    signature.resize(size);
    if (own->type == KeyType::p256) {
        auto fields = ecdsa_fields(signature);
        if (!fields) return fields;
        signature = std::move(*fields);
    }
    std::string out;
    put_string(out, algorithm->name);
    put_string(out, signature);
    return out;
}

bool is_ssh_signature(const PublicKey& key, std::string_view message, std::string_view signature) {
    SshReader reader(signature);
    const std::string_view name = reader.string(kNameMax);
    std::string value(reader.string(kSshFieldMax));
    if (!reader.complete()) return false;
    const Algorithm* algorithm = nullptr;
    for (const Algorithm& one : kAlgorithms)
        if (one.name == name && one.type == key.type) algorithm = &one;
    const PkeyPtr pkey = make_pkey(key);
    if (algorithm == nullptr || !pkey) return false;
    if (key.type == KeyType::p256) {
        auto der = ecdsa_der(value);
        if (!der) return false;
        value = std::move(*der);
    }
    const DigestPtr context(EVP_MD_CTX_new());
    const bool good = context &&
                      EVP_DigestVerifyInit_ex(context.get(), nullptr, algorithm->digest, nullptr, nullptr,
                                              pkey.get(), nullptr) == 1 &&
                      EVP_DigestVerify(context.get(), as_bytes(value).data(), value.size(),
                                       as_bytes(message).data(), message.size()) == 1;
    if (!good) ERR_clear_error();
    return good;
}

}  // namespace xos

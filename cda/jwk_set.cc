#include "cda/jwk_set.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <initializer_list>

#include "common/credential/openssl_failure.h"
#include "common/encoding.h"

namespace xos {
namespace {

using ParamBuildPtr = std::unique_ptr<OSSL_PARAM_BLD, OpensslFree<OSSL_PARAM_BLD_free>>;
using ParamPtr = std::unique_ptr<OSSL_PARAM, OpensslFree<OSSL_PARAM_free>>;
using PkeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, OpensslFree<EVP_PKEY_CTX_free>>;
using DigestPtr = std::unique_ptr<EVP_MD_CTX, OpensslFree<EVP_MD_CTX_free>>;
using EcdsaPtr = std::unique_ptr<ECDSA_SIG, OpensslFree<ECDSA_SIG_free>>;

constexpr int kRsaBitsMin = 2048, kRsaBitsMax = 8192;
constexpr size_t kCoordinate = 32;  // bytes of a number of P-256

Outcome<Bytes> read_bytes(const JsonNode& key, const char* name, size_t max) {
    const auto text = key.text(name, max * 4 / 3 + 4);
    if (!text) return std::unexpected(text.error());
    auto bytes = decode_base64url(*text);
    if (!bytes || bytes->empty() || bytes->size() > max)
        return key.invalid(compose("{}: expected base64url of at most {} bytes", name, max));
    return std::move(*bytes);
}

PkeyPtr make_key(const char* type, OSSL_PARAM_BLD* build) {
    const ParamPtr parameters(OSSL_PARAM_BLD_to_param(build));
    const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* made = nullptr;
    if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
        return nullptr;
    return PkeyPtr(made);
}

bool is_sound(EVP_PKEY* pkey) {
    const PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey, nullptr));
    return context && EVP_PKEY_public_check(context.get()) == 1;
}

Outcome<PkeyPtr> read_rsa(const JsonNode& key) {
    const auto n = read_bytes(key, "n", kRsaBitsMax / 8);
    if (!n) return std::unexpected(n.error());
    const auto e = read_bytes(key, "e", 4);
    if (!e) return std::unexpected(e.error());
    const BignumPtr modulus(BN_bin2bn(n->data(), static_cast<int>(n->size()), nullptr));
    const BignumPtr exponent(BN_bin2bn(e->data(), static_cast<int>(e->size()), nullptr));
    const ParamBuildPtr build(OSSL_PARAM_BLD_new());
    if (!modulus || !exponent || !build) return failure(Errc::system, "OpenSSL has no memory for a key");
    if (BN_num_bits(modulus.get()) < kRsaBitsMin)
        return key.invalid(compose("n: an RSA key of {} bits is weak; at least {} are expected",
                                   BN_num_bits(modulus.get()), kRsaBitsMin));
    // small exponents have let signatures be forged where padding was checked loosely; 65537 is what is used
    if (!BN_is_odd(exponent.get()) || BN_num_bits(exponent.get()) < 17)
        return key.invalid("e: expected an odd exponent of at least 65537");
    OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
    OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
    PkeyPtr pkey = make_key("RSA", build.get());
    if (!pkey || !is_sound(pkey.get())) return key.invalid("not an RSA key");
    return pkey;
}

Outcome<PkeyPtr> read_p256(const JsonNode& key) {
    const auto x = read_bytes(key, "x", kCoordinate);
    if (!x) return std::unexpected(x.error());
    const auto y = read_bytes(key, "y", kCoordinate);
    if (!y) return std::unexpected(y.error());
    if (x->size() != kCoordinate || y->size() != kCoordinate)
        return key.invalid("x and y: expected 32 bytes each");
    Bytes point = {0x04};
    point.insert(point.end(), x->begin(), x->end());
    point.insert(point.end(), y->begin(), y->end());
    const ParamBuildPtr build(OSSL_PARAM_BLD_new());
    if (!build) return failure(Errc::system, "OpenSSL has no memory for a key");
    OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
    OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
    PkeyPtr pkey = make_key("EC", build.get());
    if (!pkey || !is_sound(pkey.get())) return key.invalid("x and y are no point of P-256");
    return pkey;
}

// "alg", "use" and "key_ops" narrow what a key is for (RFC 7517, sections 4.2 to 4.4).
bool may_verify(const JsonNode& key, std::string_view algorithm) {
    if (key.find("alg") && key.text("alg", 32).value_or("") != algorithm) return false;
    if (key.find("use") && key.text("use", 32).value_or("") != "sig") return false;
    const auto operations = key.find("key_ops");
    if (!operations) return true;
    const auto count = operations->array(16);
    for (size_t i = 0; count && i < *count; ++i) {
        const JsonNode operation = operations->at(i);
        if (operation.text(32).value_or("") == "verify") return true;
    }
    return false;
}

Outcome<void> refuse_secrets(const JsonNode& key) {
    for (const char* name : {"k", "d", "p", "q", "dp", "dq", "qi", "oth"})
        if (key.find(name))
            return key.invalid(compose("{}: that is a secret part of a key; hand in public keys only", name));
    return {};
}

// JWS writes r and s side by side (RFC 7518, section 3.4), OpenSSL wants DER.
Bytes ecdsa_der(std::string_view signature) {
    if (signature.size() != 2 * kCoordinate) return {};
    const auto* bytes = as_bytes(signature).data();
    BIGNUM* const r = BN_bin2bn(bytes, kCoordinate, nullptr);
    BIGNUM* const s = BN_bin2bn(bytes + kCoordinate, kCoordinate, nullptr);
    const EcdsaPtr pair(ECDSA_SIG_new());
    if (!r || !s || !pair || ECDSA_SIG_set0(pair.get(), r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return {};
    }
    unsigned char* out = nullptr;
    const int length = i2d_ECDSA_SIG(pair.get(), &out);
    if (length <= 0) return {};
    Bytes der(out, out + length);
    OPENSSL_free(out);
    return der;
}

bool is_signed_by(EVP_PKEY* pkey, std::string_view input, std::span<const uint8_t> signature) {
    const DigestPtr context(EVP_MD_CTX_new());
    const auto bytes = as_bytes(input);
    const bool good =
        context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, pkey) == 1 &&
        EVP_DigestVerify(context.get(), signature.data(), signature.size(), bytes.data(), bytes.size()) == 1;
    ERR_clear_error();
    return good;
}

const char* name_of(TokenAlgorithm algorithm) {
    return algorithm == TokenAlgorithm::rs256 ? "RS256" : "ES256";
}

}  // namespace

std::optional<TokenAlgorithm> read_algorithm(std::string_view name) {
    if (name == "RS256") return TokenAlgorithm::rs256;
    if (name == "ES256") return TokenAlgorithm::es256;
    return std::nullopt;
}

Outcome<JwkSet> JwkSet::parse(std::string_view text) {
    auto set = read(text);
    if (!set) return set;
    for (const Key& key : set->keys_)
        if (const auto pkey = set->make(key); !pkey) return std::unexpected(pkey.error());
    return set;
}

Outcome<JwkSet> JwkSet::read(std::string_view text) {
    auto json = Json::parse(text, {.bytes = kJwksMax, .depth = 8}, "JWK set");
    if (!json) return std::unexpected(json.error());
    JwkSet set;
    set.json_ = std::move(*json);
    const JsonNode root = set.json_.root();
    const auto list = root.field("keys");
    if (!list) return std::unexpected(list.error());
    const auto count = list->array(kJwksKeysMax);
    if (!count) return std::unexpected(count.error());
    for (size_t i = 0; i < *count; ++i) {
        const JsonNode key = list->at(i);
        const auto type = key.text("kty", 32);
        if (!type) return std::unexpected(type.error());
        if (auto harmless = refuse_secrets(key); !harmless) return std::unexpected(harmless.error());
        const bool rsa = *type == "RSA" && may_verify(key, "RS256");
        const bool p256 =
            *type == "EC" && key.text("crv", 32).value_or("") == "P-256" && may_verify(key, "ES256");
        if (!rsa && !p256) continue;
        std::optional<std::string> kid;
        if (key.find("kid")) {
            auto named = key.string("kid", kKeyIdMax);
            if (!named) return std::unexpected(named.error());
            kid = std::move(*named);
        }
        for (const Key& other : set.keys_)
            if (kid && other.kid == kid) return key.invalid("kid: another key of the set has the same");
        set.keys_.push_back({std::move(kid), rsa ? TokenAlgorithm::rs256 : TokenAlgorithm::es256, i});
    }
    if (set.keys_.empty()) return root.invalid("no key in it can check RS256 or ES256 signatures");
    return set;
}

Outcome<PkeyPtr> JwkSet::make(const Key& key) const {
    const JsonNode root = json_.root();
    const auto list = root.field("keys");
    if (!list) return std::unexpected(list.error());
    const JsonNode node = list->at(key.index);
    return key.algorithm == TokenAlgorithm::rs256 ? read_rsa(node) : read_p256(node);
}

Outcome<const JwkSet::Key*> JwkSet::choose(TokenAlgorithm algorithm,
                                           const std::optional<std::string>& kid) const {
    const Key* chosen = nullptr;
    for (const Key& key : keys_) {
        if (kid ? key.kid != kid : key.algorithm != algorithm) continue;
        if (chosen)
            return failure(Errc::denied, "the token names no key (kid), and the issuer has several for {}",
                           name_of(algorithm));
        chosen = &key;
    }
    if (!chosen && kid)
        return failure(
            Errc::denied,
            "the key that the token names (kid) is not among the {} known of its issuer: if the issuer "
            "has changed its keys, the manager adds it again",
            keys_.size());
    if (!chosen)
        return failure(Errc::denied, "no key known of the issuer is for the token's algorithm {}",
                       name_of(algorithm));
    if (chosen->algorithm != algorithm)
        return failure(Errc::denied,
                       "wrong algorithm: the token says {}, the key that it names (kid) is for {}",
                       name_of(algorithm), name_of(chosen->algorithm));
    return chosen;
}

Outcome<void> JwkSet::verify(TokenAlgorithm algorithm, const std::optional<std::string>& kid,
                             std::string_view signing_input, std::string_view signature) const {
    const auto key = choose(algorithm, kid);
    if (!key) return std::unexpected(key.error());
    const auto pkey = make(**key);
    if (!pkey) return std::unexpected(pkey.error());
    const Bytes der = algorithm == TokenAlgorithm::es256
                          ? ecdsa_der(signature)
                          : Bytes(as_bytes(signature).begin(), as_bytes(signature).end());
    if (der.empty() || !is_signed_by(pkey->get(), signing_input, der))
        return failure(Errc::denied, "wrong signature: the token is not by a key of its issuer");
    return {};
}

}  // namespace xos

#include "tests/unit/cda/token_maker.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <scitokens/scitokens.h>

#include <stdexcept>

#include "common/failure.h"

namespace xos {
namespace {

using DigestPtr = std::unique_ptr<EVP_MD_CTX, OpensslFree<EVP_MD_CTX_free>>;
using EcdsaPtr = std::unique_ptr<ECDSA_SIG, OpensslFree<ECDSA_SIG_free>>;

std::string number(const EVP_PKEY* key, const char* name, size_t width = 0) {
    BIGNUM* value = nullptr;
    if (EVP_PKEY_get_bn_param(key, name, &value) != 1) throw std::runtime_error("no such number in the key");
    const BignumPtr owner(value);
    Bytes bytes(width ? width : static_cast<size_t>(BN_num_bytes(value)));
    BN_bn2binpad(value, bytes.data(), static_cast<int>(bytes.size()));
    return encode_base64url(bytes);
}

Bytes side_by_side(const Bytes& der) {
    const unsigned char* at = der.data();
    const EcdsaPtr pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
    Bytes out(64);
    BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out.data(), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out.data() + 32, 32);
    return out;
}

template <typename Write>
std::string to_pem(Write write) {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    write(bio.get());
    char* text = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<size_t>(length)};
}

void require(int answer, char* message) {
    if (answer != 0) throw std::runtime_error(message ? message : "libscitokens failed");
}

}  // namespace

TokenKey TokenKey::rsa(unsigned bits) {
    return TokenKey(PkeyPtr(EVP_RSA_gen(bits)));
}

TokenKey TokenKey::p256() {
    return TokenKey(PkeyPtr(EVP_EC_gen("P-256")));
}

std::string TokenKey::jwk(std::string_view kid) const {
    if (EVP_PKEY_is_a(pkey_.get(), "RSA"))
        return compose(R"({{"kty":"RSA","kid":"{}","n":"{}","e":"{}"}})", kid,
                       number(pkey_.get(), OSSL_PKEY_PARAM_RSA_N),
                       number(pkey_.get(), OSSL_PKEY_PARAM_RSA_E));
    return compose(R"({{"kty":"EC","crv":"P-256","kid":"{}","x":"{}","y":"{}"}})", kid,
                   number(pkey_.get(), OSSL_PKEY_PARAM_EC_PUB_X, 32),
                   number(pkey_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, 32));
}

std::string TokenKey::public_pem() const {
    return to_pem([&](BIO* bio) { PEM_write_bio_PUBKEY(bio, pkey_.get()); });
}

std::string TokenKey::private_pem() const {
    return to_pem(
        [&](BIO* bio) { PEM_write_bio_PrivateKey(bio, pkey_.get(), nullptr, nullptr, 0, nullptr, nullptr); });
}

Bytes TokenKey::der_signature(std::string_view input) const {
    const DigestPtr context(EVP_MD_CTX_new());
    Bytes signature(1024);
    size_t length = signature.size();
    const auto bytes = as_bytes(input);
    if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, pkey_.get()) != 1 ||
        EVP_DigestSign(context.get(), signature.data(), &length, bytes.data(), bytes.size()) != 1)
        throw std::runtime_error("cannot sign");
    signature.resize(length);
    return signature;
}

std::string TokenKey::sign(std::string_view header, std::string_view claims) const {
    const std::string input = unsigned_token(header, claims);
    Bytes signature = der_signature(std::string_view(input).substr(0, input.size() - 1));
    if (!EVP_PKEY_is_a(pkey_.get(), "RSA")) signature = side_by_side(signature);
    return input + encode_base64url(signature);
}

std::string header(std::string_view algorithm, std::string_view kid) {
    return compose(R"({{"alg":"{}","kid":"{}","typ":"JWT"}})", algorithm, kid);
}

std::string jwk_set(const std::vector<std::string>& keys) {
    std::string text;
    for (const std::string& key : keys) text += (text.empty() ? "" : ",") + key;
    return R"({"keys":[)" + text + "]}";
}

std::string unsigned_token(std::string_view header, std::string_view claims) {
    return encode_base64url(as_bytes(header)) + "." + encode_base64url(as_bytes(claims)) + ".";
}

std::string hmac_token(std::string_view header, std::string_view claims, std::string_view secret) {
    const std::string token = unsigned_token(header, claims);
    Bytes mac(32);
    unsigned length = 32;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), as_bytes(token).data(),
         token.size() - 1, mac.data(), &length);
    return token + encode_base64url(mac);
}

long long seconds(std::chrono::sys_seconds time) {
    return time.time_since_epoch().count();
}

std::string make_scitoken(const TokenKey& key, const char* kid, const char* issuer, const char* audience,
                          const char* subject, TokenProfile profile) {
    char* message = nullptr;
    const std::string public_pem = key.public_pem(), private_pem = key.private_pem();
    SciTokenKey made = scitoken_key_create(kid, "ES256", public_pem.c_str(), private_pem.c_str(), &message);
    if (!made) throw std::runtime_error(message);
    SciToken token = scitoken_create(made);
    require(scitoken_set_claim_string(token, "iss", issuer, &message), message);
    require(scitoken_set_claim_string(token, "aud", audience, &message), message);
    require(scitoken_set_claim_string(token, "sub", subject, &message), message);
    require(scitoken_set_claim_string(token, "scope", "read:/", &message), message);
    scitoken_set_lifetime(token, 3600);
    scitoken_set_serialize_mode(token, profile == TokenProfile::wlcg ? WLCG_1_0 : SCITOKENS_2_0);
    char* text = nullptr;
    require(scitoken_serialize(token, &text, &message), message);
    std::string serialized = text;
    free(text);
    scitoken_destroy(token);
    scitoken_key_destroy(made);
    return serialized;
}

}  // namespace xos

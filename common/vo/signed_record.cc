#include "common/vo/signed_record.h"

#include "common/credential/fingerprint.h"
#include "common/encoding.h"
#include "common/first_failure.h"

namespace xos {
namespace {

constexpr std::string_view kAlgorithm = "EdDSA";
constexpr size_t kHeaderMax = 512;
constexpr std::string_view kFingerprintPrefix = "SHA256:";

Outcome<void> check_header(const JsonNode& statement, std::string_view encoded, std::string_view typ,
                           std::span<const uint8_t, 32> public_key) {
    const auto bytes = decode_base64url(encoded);
    if (!bytes) return statement.invalid("protected: expected base64url without padding");
    const auto header = Json::parse(as_text(*bytes), {.bytes = kHeaderMax, .depth = 2}, "protected header");
    if (!header) return statement.invalid(header.error().message);
    const JsonNode root = header->root();
    if (root.find("crit")) return statement.invalid("protected header: crit: no extension is accepted");
    FirstFailure first;
    std::string_view algorithm, kid, type;
    first.check(root.object({"alg", "kid", "typ"}));
    first.take(algorithm, root.text("alg", kHeaderMax));
    first.take(kid, root.text("kid", kHeaderMax));
    first.take(type, root.text("typ", kHeaderMax));
    if (first) return statement.invalid(first.get().error().message);
    if (algorithm != kAlgorithm) return statement.invalid("protected header: alg: expected EdDSA");
    if (type != typ) return statement.invalid(compose("protected header: typ: expected {}", typ));
    if (kid != key_fingerprint(public_key))
        return statement.invalid(compose("protected header: kid: it is signed by another key, expected {}",
                                         key_fingerprint(public_key)));
    return {};
}

}  // namespace

std::string key_fingerprint(std::span<const uint8_t, 32> public_key) {
    return sha256_fingerprint(public_key);
}

bool is_key_fingerprint(std::string_view text) {
    if (!text.starts_with(kFingerprintPrefix)) return false;
    const std::string padded = std::string(text.substr(kFingerprintPrefix.size())) + "=";
    const auto digest = decode_base64(padded);
    return digest && digest->size() == 32;
}

Outcome<Json> sign_statement(std::string_view payload, std::string_view typ, const SigningKey& key) {
    const std::string header = JsonObject()
                                   .set("alg", Json::string(kAlgorithm))
                                   .set("kid", Json::string(key_fingerprint(key.public_bytes())))
                                   .set("typ", Json::string(typ))
                                   .build()
                                   .format();
    const std::string encoded_header = encode_base64url(as_bytes(header));
    const std::string encoded_payload = encode_base64url(as_bytes(payload));
    const auto signature = key.sign(as_bytes(encoded_header + "." + encoded_payload));
    if (!signature) return std::unexpected(signature.error());
    return JsonObject()
        .set("protected", Json::string(encoded_header))
        .set("payload", Json::string(encoded_payload))
        .set("signature", Json::string(encode_base64url(*signature)))
        .build();
}

Outcome<std::string> open_statement(const JsonNode& statement, std::string_view typ,
                                    std::span<const uint8_t, 32> public_key, size_t max_payload) {
    std::string_view header, payload, signature;
    FirstFailure first;
    first.check(statement.object({"protected", "payload", "signature"}));
    first.take(header, statement.text("protected", kHeaderMax * 2));
    first.take(payload, statement.text("payload", max_payload / 3 * 4 + 4));
    first.take(signature, statement.text("signature", 88));
    if (first) return first.get();
    if (auto good = check_header(statement, header, typ, public_key); !good)
        return std::unexpected(good.error());

    const auto signature_bytes = decode_base64url(signature);
    if (!signature_bytes) return statement.invalid("signature: expected base64url without padding");
    std::string signed_text;
    signed_text.reserve(header.size() + 1 + payload.size());
    signed_text.append(header).append(1, '.').append(payload);
    if (!verify_ed25519(public_key, as_bytes(signed_text), *signature_bytes))
        return statement.invalid("the signature is wrong: it was changed on its way, or made by another key");
    const auto bytes = decode_base64url(payload);
    if (!bytes) return statement.invalid("payload: expected base64url without padding");
    return std::string(as_text(*bytes));
}

}  // namespace xos

#include "common/vo/signed_record.h"

#include "common/credential/fingerprint.h"
#include "common/encoding.h"
#include "common/first_failure.h"
#include "common/json_slices.h"

namespace xos {
namespace {

constexpr std::string_view kAlgorithm = "EdDSA";
constexpr size_t kHeaderMax = 512;
constexpr size_t kDecodedAtOnce = 1024 * 1024;  // characters; a multiple of 4, so that no byte lies across
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

struct StatementParts {
    std::string_view header, payload, signature;
};

// Signature first, then the payload.
Outcome<std::string> open_parts(const StatementParts& parts, std::span<const uint8_t, 32> public_key) {
    const auto signature = decode_base64url(parts.signature);
    if (!signature) return failure(Errc::invalid, "signature: expected base64url without padding");
    {
        std::string signed_text;
        signed_text.reserve(parts.header.size() + 1 + parts.payload.size());
        signed_text.append(parts.header).append(1, '.').append(parts.payload);
        if (!verify_ed25519(public_key, as_bytes(signed_text), *signature))
            return failure(Errc::invalid,
                           "the signature is wrong: it was changed on its way, or made by another key");
    }  // as large as the payload: it goes before that is decoded
    std::string text;
    text.reserve(parts.payload.size() / 4 * 3 + 3);
    for (size_t at = 0; at < parts.payload.size(); at += kDecodedAtOnce) {
        const auto bytes = decode_base64url(parts.payload.substr(at, kDecodedAtOnce));
        if (!bytes) return failure(Errc::invalid, "payload: expected base64url without padding");
        text.append(as_text(*bytes));
    }
    return text;
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
    auto opened = open_parts({header, payload, signature}, public_key);
    if (!opened) return statement.invalid(opened.error().message);
    return opened;
}

Outcome<std::string> open_statement_text(std::string_view text, std::string_view typ,
                                         std::span<const uint8_t, 32> public_key, size_t max_payload,
                                         std::string_view what) {
    const auto fields = slice_object(text, what);
    if (!fields) return std::unexpected(fields.error());
    const JsonField* const payload_field = find_field(*fields, "payload");
    if (payload_field == nullptr) return failure(Errc::invalid, "{}: the key \"payload\" is missing", what);
    const auto payload = slice_string(*payload_field, what);
    if (!payload) return std::unexpected(payload.error());
    if (payload->size() > max_payload / 3 * 4 + 4)
        return failure(Errc::invalid, "{}: payload: more than {} bytes", what, max_payload);
    // the rest is small, and read as any JSON is
    const std::string small = join_fields(*fields, "payload");
    const auto json = Json::parse(small, {.bytes = 4 * kHeaderMax, .depth = 1}, "signed statement");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    std::string_view header, signature;
    FirstFailure first;
    first.check(root.object({"protected", "signature"}));
    first.take(header, root.text("protected", kHeaderMax * 2));
    first.take(signature, root.text("signature", 88));
    if (first) return first.get();
    if (auto good = check_header(root, header, typ, public_key); !good) return std::unexpected(good.error());
    auto opened = open_parts({header, *payload, signature}, public_key);
    if (!opened) return failure(opened.error().code, "{}: {}", what, opened.error().message);
    return opened;
}

}  // namespace xos

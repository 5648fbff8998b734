#include "common/vo/signed_record.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/vo/sample_vo.h"

using namespace xos;

namespace {

// A statement with that header, truly signed by key over it.
std::string statement_with(std::string_view header, std::string_view payload, const SigningKey& key) {
    const std::string text = encode_base64url(as_bytes(header)) + "." + encode_base64url(as_bytes(payload));
    const auto signature = must(key.sign(as_bytes(text)));
    return std::format(R"({{"protected":"{}","payload":"{}","signature":"{}"}})",
                       text.substr(0, text.find('.')), text.substr(text.find('.') + 1),
                       encode_base64url(signature));
}

Outcome<std::string> open(std::string_view text, const SigningKey& key, size_t max = 1000) {
    const auto json = Json::parse(text, {}, "statement");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    return open_statement(root, "test+json", key.public_bytes(), max);
}

}  // namespace

TEST_CASE("a statement opens with its key and type only") {
    const SigningKey key = must(SigningKey::generate()), other = must(SigningKey::generate());
    const std::string text = must(sign_statement("payload", "test+json", key)).format();
    CHECK(open(text, key) == "payload");
    CHECK(open(text, other).error().message.contains("signed by another key"));
    CHECK_FALSE(open(text, key, 3));
    CHECK(open(must(sign_statement("payload", "else+json", key)).format(), key)
              .error()
              .message.contains("typ: expected test+json"));
}

TEST_CASE("the header cannot choose") {
    const SigningKey key = must(SigningKey::generate()), thief = must(SigningKey::generate());
    const std::string kid = key_fingerprint(key.public_bytes());
    const auto header = [&](std::string_view alg, std::string_view more = "") {
        return std::format(R"({{"alg":"{}","kid":"{}","typ":"test+json"{}}})", alg, kid, more);
    };
    CHECK(open(statement_with(header("EdDSA"), "p", key), key) == "p");
    for (const char* alg : {"none", "None", "HS256", "ES256", "Ed25519", ""})
        CHECK(
            open(statement_with(header(alg), "p", key), key).error().message.contains("alg: expected EdDSA"));
    // the kid of the right key over the thief's signature, and the thief's own
    CHECK(open(statement_with(header("EdDSA"), "p", thief), key)
              .error()
              .message.contains("the signature is wrong"));
    CHECK_FALSE(open(must(sign_statement("p", "test+json", thief)).format(), key));
    CHECK(open(statement_with(header("EdDSA", R"(,"crit":["b64"],"b64":false)"), "p", key), key)
              .error()
              .message.contains("crit"));
    CHECK_FALSE(open(statement_with(header("EdDSA", R"(,"jwk":{})"), "p", key), key));
    CHECK_FALSE(open(statement_with(header("EdDSA", R"(,"alg":"none")"), "p", key), key));
    CHECK_FALSE(open(statement_with("[]", "p", key), key));
    CHECK_FALSE(open(statement_with("", "p", key), key));
}

TEST_CASE("missing and malformed parts are refused") {
    const SigningKey key = must(SigningKey::generate());
    CHECK_FALSE(open(R"({"payload":"cA","signature":""})", key));
    std::string text = must(sign_statement("p", "test+json", key)).format();
    text.replace(text.find("\"signature\":\""), 13, "\"signature\":\"=");
    CHECK_FALSE(open(text, key));
    CHECK_FALSE(open(R"("eyJhbGciOiJub25lIn0..")", key));
}

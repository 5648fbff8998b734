#include "xosd/verifier/credential_check.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/unit/verifier/credential_fixture.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string reason(const VerifyRequest& request) {
    const auto credential = check_credential(request);
    return credential ? "accepted" : credential.error().message;
}

}  // namespace

TEST_CASE("a credential in its owner's SSH certificate is accepted") {
    const TestVo physics("physics");
    const SigningKey key = *SigningKey::generate();
    const auto credential =
        check_credential(make_verify_request(physics, wrap_any(physics.issue("user1", key), key)));
    REQUIRE(credential);
    CHECK(credential->attributes == physics.user("user1"));
    CHECK(as_text(credential->public_key.bytes) == as_text(key.public_bytes()));
}

TEST_CASE("attacks on a credential are refused, each with its reason") {
    const TestVo physics("physics"), chemistry("chemistry");
    const SigningKey key = *SigningKey::generate(), thief = *SigningKey::generate();
    const std::string chain = physics.issue("user1", key);
    SECTION("a thief wraps the victim's public credential with a key of his own") {
        const auto credential = check_credential(make_verify_request(physics, wrap_any(chain, thief)));
        REQUIRE_FALSE(credential);
        CHECK(credential.error().code == Errc::denied);
        CHECK_THAT(credential.error().message,
                   ContainsSubstring("not the key of the credential of user1@physics"));
    }
    SECTION("another VO's credential") {
        CHECK(reason(make_verify_request(physics, wrap_any(chemistry.issue("user1", key), key))) !=
              "accepted");
    }
    SECTION("another VO's CA signs a credential that claims this VO") {
        TestVo impostor("physics");
        CHECK(reason(make_verify_request(physics, wrap_any(impostor.issue("user1", key), key))) !=
              "accepted");
    }
    SECTION("expired") {
        auto request = make_verify_request(physics, wrap_any(chain, key));
        request.now += 2h;
        const auto credential = check_credential(request);
        REQUIRE_FALSE(credential);
        CHECK(credential.error().code == Errc::denied);
    }
    SECTION("not yet valid") {
        auto request = make_verify_request(physics, wrap_any(chain, key));
        request.now -= 1h;
        CHECK(reason(request) != "accepted");
    }
    SECTION("the VO that is asked for is another one than the CA's") {
        auto request = make_verify_request(physics, wrap_any(chain, key));
        request.vo = "chemistry";
        CHECK(reason(request) != "accepted");
    }
    SECTION("a plain key, an empty text, junk") {
        auto request = make_verify_request(physics, "");
        for (const char* text : {"", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", "publickey ", "\xff\xfe"}) {
            request.ssh_key = text;
            CHECK(reason(request) != "accepted");
        }
    }
    SECTION("a chain that is no PEM, or PEM of something else") {
        CHECK(reason(make_verify_request(physics, wrap_any("no PEM", key))) != "accepted");
        CHECK(reason(make_verify_request(physics, wrap_any(*thief.to_pem(), key))) != "accepted");
    }
}

TEST_CASE(
    "no changed bit of a chain, in a certificate that is signed again, is accepted as another credential") {
    const TestVo physics("physics");
    const SigningKey key = *SigningKey::generate();
    const Bytes leaf = split_pem_chain(physics.issue("user1", key))->front();
    size_t accepted = 0;
    for (size_t bit = 0; bit < leaf.size() * 8; bit += 3) {
        Bytes changed = leaf;
        changed[bit / 8] = static_cast<uint8_t>(changed[bit / 8] ^ 1 << bit % 8);
        accepted += check_credential(make_verify_request(physics, wrap_any(certificate_pem(changed), key)))
                        .has_value();
    }
    CHECK(accepted == 0);
}

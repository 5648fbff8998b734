#include "xosd/verifier/verifier_protocol.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/verifier/grid_fixture.h"
#include "xosd/verifier/credential_check.h"

using namespace xos;
using namespace xos::test;

namespace {

VerifiedCredential sample() {
    const TestVo physics("physics");
    const SigningKey key = *SigningKey::generate();
    return *check_credential(make_verify_request(physics, wrap_any(physics.issue("user1", key), key)));
}

// Whether a credential changed so is still passed on as one.
bool survives(const VerifiedCredential& credential) {
    return decode_answer(encode_answer(1, credential)).has_value();
}

}  // namespace

TEST_CASE("requests and answers go there and back") {
    const TestVo physics("physics");
    const VerifyRequest request = make_verify_request(physics, "blob");
    const auto there = decode_request(*encode_request(42, request));
    REQUIRE(there);
    CHECK(there->id == 42);
    CHECK(there->request.ssh_key == request.ssh_key);
    CHECK(there->request.ca_certificate == request.ca_certificate);
    CHECK(there->request.vo == "physics");
    CHECK(there->request.now == request.now);

    const VerifiedCredential credential = sample();
    const auto back = decode_answer(encode_answer(43, credential));
    REQUIRE(back);
    CHECK(back->id == 43);
    REQUIRE(back->credential);
    CHECK(back->credential->attributes == credential.attributes);
    CHECK(back->credential->serial == credential.serial);
    CHECK(back->credential->fingerprint == credential.fingerprint);
    CHECK(back->credential->not_before == credential.not_before);
    CHECK(back->credential->not_after == credential.not_after);
    CHECK(back->credential->public_key == credential.public_key);
    CHECK(back->credential->pem == credential.pem);

    const auto refused = decode_answer(encode_answer(44, failure(Errc::denied, "because")));
    REQUIRE(refused);
    REQUIRE_FALSE(refused->credential);
    CHECK(refused->credential.error().code == Errc::denied);
    CHECK(refused->credential.error().message == "because");
}

TEST_CASE("what a VO trusts for VOMS, and a VOMS proxy, go there and back") {
    const TestGrid grid;
    VerifyRequest request = grid.request(grid.proxy());
    request.voms->crl_grace = 24h;
    const auto there = decode_request(*encode_request(1, request));
    REQUIRE(there);
    REQUIRE(there->request.voms);
    CHECK(there->request.voms->trust == request.voms->trust);
    CHECK(there->request.voms->crls == request.voms->crls);
    CHECK(there->request.voms->crl_grace == 24h);

    const VerifiedCredential credential = *check_credential(request);
    const auto back = decode_answer(encode_answer(2, credential));
    REQUIRE(back);
    REQUIRE(back->credential);
    CHECK(back->credential->grid == credential.grid);
    CHECK(back->credential->attributes == credential.attributes);
    CHECK(back->credential->public_key == credential.public_key);
    VerifiedCredential bad = credential;
    SECTION("issuer") {
        bad.grid->issuer = "CN=CA";
    }
    SECTION("subject with a control character") {
        bad.grid->subject += '\n';
    }
    SECTION("an FQAN of another VO") {
        bad.grid->fqans = {"/bio"};
    }
    SECTION("no FQAN") {
        bad.grid->fqans.clear();
    }
    SECTION("too many FQANs") {
        bad.grid->fqans.assign(kFqansMax + 1, "/physics");
    }
    SECTION("a serial that is none, or only one") {
        bad.grid->serials.back() = "x";
    }
    SECTION("one serial only") {
        bad.grid->serials.pop_back();
    }
    SECTION("the serials of another leaf") {
        bad.serial = "0bad";
    }
    SECTION("a key of another type") {
        bad.public_key.type = KeyType::rsa;
    }
    CHECK_FALSE(survives(bad));
}

TEST_CASE("a request goes in pieces, none too large, none after the last") {
    const std::string request(kVerifierPieceMax * 2 + 5, 'r');
    std::string whole;
    size_t sent = 0, pieces = 0;
    for (bool last = false; !last; ++pieces) {
        const std::string_view rest = std::string_view(request).substr(sent);
        const std::string_view part = next_piece(rest);
        const std::string piece = encode_piece(part, part.size() == rest.size());
        CHECK(piece.size() <= kVerifierPieceMax);
        const auto taken = take_piece(piece, whole);
        REQUIRE(taken);
        last = *taken;
        sent += part.size();
    }
    CHECK(pieces == 3);
    CHECK(whole == request);
    for (const std::string& piece :
         {std::string(), std::string("\x02x"), std::string(kVerifierPieceMax + 1, '\1')})
        CHECK_FALSE(take_piece(piece, whole));
    whole.resize(kVerifierRequestMax);
    CHECK_FALSE(take_piece(encode_piece("x", false), whole));
}

TEST_CASE("a request that is too large is not sent") {
    VerifyRequest request;
    request.ssh_key = std::string(kVerifierPacketMax, 'A');
    CHECK_FALSE(encode_request(1, request));
    request = {};
    request.ca_certificate.resize(64 * 1024);
    CHECK_FALSE(encode_request(1, request));
    request.ca_certificate.clear();
    request.voms.emplace();
    CHECK(encode_request(1, request));
    request.voms->crls.assign(kCrlsMax, Bytes(kCrlMax));
    request.voms->trust.anchors.assign(kVomsAnchorsMax, Bytes(kVomsCertificateMax));
    request.voms->trust.servers.assign(kVomsServersMax, Bytes(kVomsCertificateMax));
    REQUIRE(encode_request(1, request));
    CHECK(encode_request(1, request)->size() <= kVerifierRequestMax);
    request.voms->crls.emplace_back();
    CHECK_FALSE(encode_request(1, request));
    request.voms->crls = {Bytes(kCrlMax + 1)};
    CHECK_FALSE(encode_request(1, request));
}

TEST_CASE("an answer whose fields break their grammar is no answer") {
    const VerifiedCredential good = sample();
    REQUIRE(survives(good));
    VerifiedCredential bad = good;
    SECTION("login") {
        bad.attributes.login = "root@physics";
    }
    SECTION("login with a path") {
        bad.attributes.login = "../../etc";
    }
    SECTION("VO") {
        bad.attributes.vo = "Physics\n";
    }
    SECTION("user id") {
        bad.attributes.user_id = "someone";
    }
    SECTION("number 0") {
        bad.attributes.number = 0;
    }
    SECTION("a number among the groups") {
        bad.attributes.number = first_group_offset(kBlockSizeMax);
    }
    SECTION("a group") {
        bad.attributes.groups = {"wheel\n"};
    }
    SECTION("too many groups") {
        bad.attributes.groups.assign(kGroupsPerMemberMax + 1, "g");
    }
    SECTION("too many roles") {
        bad.attributes.roles.assign(kRolesPerMemberMax + 1, "r");
    }
    SECTION("serial") {
        bad.serial = "12 reason=none";
    }
    SECTION("fingerprint") {
        bad.fingerprint = "SHA256:x";
    }
    SECTION("dates the wrong way round") {
        bad.not_before = bad.not_after;
    }
    SECTION("a date beyond the calendar") {
        bad.not_after = std::chrono::sys_seconds(std::chrono::seconds(1ll << 60));
    }
    SECTION("a short key") {
        bad.public_key.bytes.resize(31);
    }
    SECTION("a control character in the PEM") {
        bad.pem += "\x1b[2J";
    }
    CHECK_FALSE(survives(bad));
}

TEST_CASE("packets that are cut or have junk behind them are refused") {
    const std::string answer = encode_answer(1, sample());
    const std::string request =
        *encode_request(1, VerifyRequest{.ssh_key = "k", .ca_certificate = {1}, .vo = "v", .now = {}});
    size_t accepted = 0;
    for (size_t length = 0; length < answer.size(); ++length)
        accepted += decode_answer(answer.substr(0, length)).has_value();
    for (size_t length = 0; length < request.size(); ++length)
        accepted += decode_request(request.substr(0, length)).has_value();
    CHECK(accepted == 0);
    CHECK_FALSE(decode_answer(answer + "x"));
    CHECK_FALSE(decode_request(request + "x"));
}

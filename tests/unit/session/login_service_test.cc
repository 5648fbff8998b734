#include "xosd/session/login_service.h"

#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>

#include "tests/unit/session/login_node.h"
#include "tests/unit/verifier/grid_fixture.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE_METHOD(LoginNode, "a certified key gets its line, for its own login name and uid only") {
    const Answer answer = ask_keys("user1@physics", uid, kSshCertType, certificate());
    CHECK(answer.verdict == Verdict::permit);
    CHECK_THAT(answer.line, ContainsSubstring("cert-authority,restrict,pty"));
    CHECK_THAT(answer.line, ContainsSubstring("principals=\"user1@physics\""));
    CHECK(sessions.all().empty());
    CHECK_FALSE(std::filesystem::exists(config.home_root));  // nothing lasting before the session

    CHECK(ask_keys("user1@physics", 1000, kSshCertType, certificate()).verdict == Verdict::deny);
    CHECK(ask_keys("user2@physics", uid, kSshCertType, certificate()).verdict == Verdict::deny);
    CHECK(ask_keys("user1@bio", uid, kSshCertType, certificate()).verdict == Verdict::deny);
    CHECK(ask_keys("root", 0, kSshCertType, certificate()).verdict == Verdict::deny);
    CHECK(ask_keys("user1@physics", uid, "ssh-ed25519", certificate()).verdict == Verdict::deny);
    CHECK(ask_keys("user1@physics", uid, kSshCertType, "AAAA").verdict == Verdict::deny);
    CHECK_THAT(last_audit(), ContainsSubstring(R"("event":"login","decision":"refuse")"));
    CHECK_THAT(last_audit(), ContainsSubstring(R"("remoteHost":"192.0.2.7")"));
}

TEST_CASE_METHOD(LoginNode, "one certificate is verified once a login, and judged each time") {
    const std::string blob = certificate();
    const uint64_t asked = verifier->asked();
    CHECK(ask_keys("user1@physics", uid, kSshCertType, blob).verdict == Verdict::permit);
    CHECK(ask_keys("user1@physics", uid, kSshCertType, blob).verdict == Verdict::permit);
    CHECK(verifier->asked() == asked + 1);
    CHECK(ask_keys("user1@physics", 1000, kSshCertType, blob).verdict == Verdict::deny);
    physics.bundle.members[0].suspended = true;
    apply();
    CHECK(ask_keys("user1@physics", uid, kSshCertType, blob).verdict == Verdict::deny);
    physics.bundle.members[0].suspended = false;
    physics.bundle.members[0].credentials_from = now_seconds() + 1h;
    apply();
    CHECK(ask_keys("user1@physics", uid, kSshCertType, blob).verdict == Verdict::deny);
    physics.bundle.members[0].credentials_from = {};
    physics.bundle.vo.ca_certificate = TestVo("physics").certificate;  // the VO changed its CA
    apply();
    CHECK(ask_keys("user1@physics", uid, kSshCertType, blob).verdict == Verdict::deny);
    CHECK(verifier->asked() == asked + 2);
}

TEST_CASE_METHOD(LoginNode, "a stolen chain around another key is refused") {
    const SigningKey thief = *SigningKey::generate();
    const std::string blob = encode_base64(as_bytes(wrap_any(ca.issue("user1", key), thief)));
    CHECK(ask_keys("user1@physics", uid, kSshCertType, blob).verdict == Verdict::deny);
}

TEST_CASE_METHOD(LoginNode, "a VO that is given up while the verifier works lets nobody in") {
    bool answered = false;
    Verdict verdict = Verdict::permit;
    service->answer_keys({"user1@physics", uid, kSshCertType, certificate()}, [&](const KeysReply& reply) {
        answered = true;
        verdict = reply.answer.verdict;
    });
    CHECK_FALSE(answered);
    REQUIRE(trust.remove("physics"));
    for (int i = 0; i < 200 && !answered; ++i) sd_event_run(loop.get(), 50'000);
    CHECK(verdict == Verdict::deny);
}

TEST_CASE_METHOD(LoginNode, "an account is known while its member is") {
    const auto verdict_of = [&](std::string_view login) {
        Verdict verdict = Verdict::unavailable;
        service->answer_account({login, "su"},
                                [&](const AccountReply& reply) { verdict = reply.answer.verdict; });
        return verdict;
    };
    CHECK(verdict_of("user1@physics") == Verdict::permit);
    CHECK(verdict_of("user2@physics") == Verdict::deny);
    CHECK(verdict_of("user1@bio") == Verdict::deny);
    physics.bundle.serial = 8;
    physics.bundle.members[0].suspended = true;
    REQUIRE(trust.apply(physics.seal(), ""));
    CHECK(verdict_of("user1@physics") == Verdict::deny);
}

TEST_CASE_METHOD(LoginNode,
                 "a genuine VOMS proxy logs in through the sandboxed verifier, until it is revoked") {
    TestGrid grid("RSA-2048");
    const std::string file = genuine_proxy(grid, {"-rfc"});
    const PkeyPtr proxy_key = key_of(file);
    REQUIRE(proxy_key);
    const std::string type(ssh_cert_type(KeyType::rsa));
    const std::string blob = encode_base64(as_bytes(wrap_grid(certificates_of(file), proxy_key.get())));
    const auto ask = [&] { return ask_keys("user1@physics", uid, type, blob); };
    physics.bundle.voms = grid.trust.trust;
    physics.bundle.crls = grid.trust.crls;
    apply();
    CHECK_THAT(ask().reason, ContainsSubstring("voms: accept in node.yaml"));
    config.voms_accept = {"physics"};
    CHECK_THAT(ask().reason, ContainsSubstring("/DC=org/DC=example/O=Users/CN=User One by"));
    const GridIdentity identity{"/DC=org/DC=example/CN=Grid CA", "/DC=org/DC=example/O=Users/CN=User One"};
    physics.bundle.members[0].identities = {identity};
    apply();
    const Answer good = ask();
    CHECK(good.reason == "");
    REQUIRE(good.verdict == Verdict::permit);
    CHECK_THAT(good.line, ContainsSubstring(" ssh-rsa AAAA"));
    const Answer session = open("sshd", "publickey " + type + " " + blob);
    REQUIRE(session.verdict == Verdict::permit);
    CHECK(session.chain == certificates_of(file));
    CHECK_THAT(session.chain, !ContainsSubstring("PRIVATE"));

    SECTION("by its identity") {
        physics.bundle.revoked_identities = {identity};
    }
    SECTION("by the list of its CA") {
        physics.bundle.crls = {grid.ca.list({grid.user.x509()})};
    }
    SECTION("by the serial of the proxy") {
        const auto leaf = parse_certificate(split_pem_chain(certificates_of(file))->front(), "");
        physics.bundle.revoked_serials.push_back(*read_serial(leaf->get()));
    }
    SECTION("by the serial of the user's certificate") {
        physics.bundle.revoked_serials.push_back(*read_serial(grid.user.x509()));
    }
    SECTION("with its member") {
        physics.bundle.members[0].identities.clear();
    }
    SECTION("when the VO no longer trusts the server") {
        physics.bundle.voms->servers = {grid.ca.issue(host_name("voms.example.org")).der()};
    }
    apply();
    const auto given = std::chrono::steady_clock::now();
    CHECK(ask().verdict == Verdict::deny);
    CHECK(std::chrono::steady_clock::now() - given < 1s);
}

TEST_CASE_METHOD(LoginNode, "all that a VO may trust for VOMS reaches the verifier") {
    TestGrid grid;
    VomsRequest& voms = grid.trust;
    while (voms.trust.anchors.size() < kVomsAnchorsMax)
        voms.trust.anchors.push_back(GridCa("CA " + std::to_string(voms.trust.anchors.size())).self.der());
    std::vector<X509Ptr> revoked;
    std::vector<const X509*> many;
    for (int i = 0; i < 2500; ++i) {
        revoked.emplace_back(X509_new());
        ASN1_INTEGER_set(X509_get_serialNumber(revoked.back().get()), 1'000'000 + i);
        many.push_back(revoked.back().get());
    }
    const GridCa other("Large CA");
    voms.crls.assign(kCrlsMax - 1, other.list(many));
    voms.crls.push_back(grid.ca.list());
    REQUIRE(voms.crls.front().size() > 40'000);
    REQUIRE(voms.crls.front().size() <= kCrlMax);
    const Entity proxy = grid.proxy();
    VerifyRequest request = grid.request(proxy);
    std::optional<Outcome<VerifiedCredential>> answer;
    verifier->verify(std::move(request),
                     [&](Outcome<VerifiedCredential> credential) { answer = credential; });
    for (int i = 0; i < 200 && !answer; ++i) sd_event_run(loop.get(), 50'000);
    REQUIRE(answer);
    INFO((*answer ? "" : answer->error().message));
    CHECK(answer->has_value());
}

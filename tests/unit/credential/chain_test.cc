#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "common/credential/fingerprint.h"
#include "common/credential/xos_cert.h"
#include "tests/unit/credential/crafted_certificate.h"
#include "tests/unit/vo/sample_vo.h"

using namespace xos;
using namespace std::chrono_literals;

namespace {

const XosAttributes kUser1{"physics",   "aaaaaaaa-0000-4000-8000-000000000001", "user1", 1, {"analysis"},
                           {"operator"}};

struct Issued {
    SampleVo vo;
    SigningKey user_key = must(SigningKey::generate());
    std::string request = must(make_request("user1", user_key));
    IssuedCredential credential =
        must(issue_credential(request, kUser1, vo.bundle.vo.ca_certificate, vo.ca_key, kNow));
    Bytes leaf = must(split_pem_chain(credential.chain_pem)).front();

    Outcome<VerifiedCredential> verify(std::span<const uint8_t> bytes, std::chrono::sys_seconds now = kNow,
                                       std::string_view expected = "physics") const {
        return verify_chain(bytes, vo.bundle.vo.ca_certificate, expected, now);
    }
    // why a crafted certificate, truly signed by this VO's CA, is refused
    std::string refusal(const CraftedCertificate& crafted) const {
        const auto verified = verify(crafted.sign(vo.bundle.vo.ca_certificate, vo.ca_key.pkey()));
        return verified ? "" : verified.error().message;
    }
    CraftedCertificate good() const {
        CraftedCertificate crafted;
        crafted.attributes = {must(encode_attributes(kUser1))};
        return crafted;
    }
};

}  // namespace

TEST_CASE("an issued credential verifies, as DER and as a PEM chain") {
    const Issued issued;
    for (const auto& bytes : {std::span<const uint8_t>(issued.leaf), as_bytes(issued.credential.chain_pem)}) {
        const auto verified = issued.verify(bytes);
        REQUIRE(verified);
        CHECK(verified->attributes == kUser1);
        CHECK(verified->serial == issued.credential.serial);
        CHECK(verified->serial.size() == 32);
        CHECK(verified->fingerprint == sha256_fingerprint(issued.leaf));
        CHECK(verified->not_before == kNow - 5min);
        CHECK(verified->not_after == kNow + 12h);
        CHECK(verified->public_key.type == KeyType::ed25519);
        CHECK(std::ranges::equal(verified->public_key.bytes, issued.user_key.public_bytes()));
        CHECK(verified->pem == certificate_pem(issued.leaf));
    }
}

TEST_CASE("validity is strict and said with times") {
    const Issued issued;
    CHECK(issued.verify(issued.leaf, kNow - 5min));
    CHECK(issued.verify(issued.leaf, kNow + 12h - 1s));
    CHECK(issued.verify(issued.leaf, kNow + 12h + 1s).error().message ==
          "the credential expired at 2026-11-05 12:00:00 UTC, it is 2026-11-05 12:00:01 UTC: get a new one "
          "with "
          "`xos login`");
    CHECK(issued.verify(issued.leaf, kNow - 6min).error().message.contains("compare the clocks"));
    CHECK(issued.verify(issued.leaf, kNow - 6min).error().code == Errc::denied);
    // bounds when issuing
    const auto& ca = issued.vo.bundle.vo.ca_certificate;
    CHECK_FALSE(issue_credential(issued.request, kUser1, ca, issued.vo.ca_key, kNow, 24h + 1s));
    CHECK_FALSE(issue_credential(issued.request, kUser1, ca, issued.vo.ca_key, kNow, 0s));
    const auto end = issued.vo.bundle.vo.not_after;
    CHECK(must(issue_credential(issued.request, kUser1, ca, issued.vo.ca_key, end - 1h)).not_after == end);
    CHECK_FALSE(issue_credential(issued.request, kUser1, ca, issued.vo.ca_key, end));
    CraftedCertificate crafted = issued.good();
    crafted.lifetime = 24h + 6min;
    CHECK(issued.refusal(crafted).contains("longer than 24 hours"));
}

TEST_CASE("requests are checked") {
    const Issued issued;
    const auto& ca = issued.vo.bundle.vo.ca_certificate;
    const auto issue = [&](std::string_view request) {
        return issue_credential(request, kUser1, ca, issued.vo.ca_key, kNow);
    };
    CHECK(issue(must(make_request("user2", issued.user_key))).error().message.contains("is not CN=user1"));
    CHECK_FALSE(make_request("User1", issued.user_key));
    CHECK_FALSE(issue(""));
    CHECK_FALSE(issue(issued.request + "x"));
    CHECK_FALSE(issue("x" + issued.request));
    CHECK_FALSE(issue(std::string(kCredentialMax + 1, 'A')));
    // somebody else's key in the request: its signature is by another
    Bytes der = *decode_base64([&] {
        std::string body = issued.request.substr(issued.request.find('\n') + 1);
        body.resize(body.find("-----END"));
        std::erase(body, '\n');
        return body;
    }());
    const auto key = issued.user_key.public_bytes();
    const auto at = std::ranges::search(der, key).begin();
    REQUIRE(at != der.end());
    std::ranges::copy(issued.vo.ca_key.public_bytes(), at);
    CHECK(issue(join_pem(der, "CERTIFICATE REQUEST")).error().message.contains("not signed by the key"));
    const SigningKey wrong = must(SigningKey::generate());
    CHECK_FALSE(issue_credential(issued.request, kUser1, ca, wrong, kNow));
}

TEST_CASE("no changed bit and no shortened certificate verifies") {
    const Issued issued;
    Bytes changed = issued.leaf;
    for (size_t at = 0; at < changed.size(); ++at)
        for (int bit = 0; bit < 8; ++bit) {
            changed[at] ^= static_cast<uint8_t>(1 << bit);
            if (issued.verify(changed)) FAIL("accepted with bit " << bit << " of byte " << at << " changed");
            changed[at] ^= static_cast<uint8_t>(1 << bit);
        }
    for (size_t size = 0; size < changed.size(); ++size)
        CHECK_FALSE(issued.verify(std::span(changed).first(size)));
    changed.push_back(0);
    CHECK(issued.verify(changed).error().message.contains("bytes follow"));
}

TEST_CASE("PEM is nothing but blocks") {
    const Issued issued;
    const std::string leaf = certificate_pem(issued.leaf);
    CHECK(issued.verify(as_bytes(leaf)));
    for (const std::string& text :
         {leaf + "junk", leaf + "\n", "\n" + leaf, leaf.substr(0, leaf.size() - 1),
          leaf + "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", std::string("-----BEGIN")})
        CHECK_FALSE(issued.verify(as_bytes(text)));
    std::string many;
    for (size_t i = 0; i <= kChainLengthMax; ++i) many += leaf;
    CHECK(issued.verify(as_bytes(many)).error().message.contains("more than 6"));
    CHECK_FALSE(issued.verify(Bytes(kCredentialMax + 1, 0x30)));
}

TEST_CASE("only this VO's CA counts") {
    const Issued issued;
    const Issued same_name;  // another CA with the very same names
    CHECK_FALSE(issued.verify(same_name.leaf));
    CHECK_FALSE(
        issued.verify(as_bytes(same_name.credential.chain_pem)));  // even when it brings that CA along
    CHECK(issued.verify(issued.leaf, kNow, "bio").error().message ==
          "the credential is of the VO physics, not of bio");

    // chem's CA claims physics in the attributes, in the subject, in both
    const SampleVo chem("chem");
    CraftedCertificate crafted = issued.good();
    for (const char* organisation : {"physics", "chem"}) {
        crafted.organisation = organisation;
        const Bytes der = crafted.sign(chem.bundle.vo.ca_certificate, chem.ca_key.pkey());
        CHECK_FALSE(issued.verify(der));
        CHECK_FALSE(verify_chain(der, chem.bundle.vo.ca_certificate, "chem", kNow));
        CHECK_FALSE(verify_chain(der, chem.bundle.vo.ca_certificate, "physics", kNow));
    }
    crafted.organisation = "physics";
    CHECK(verify_chain(crafted.sign(chem.bundle.vo.ca_certificate, chem.ca_key.pkey()),
                       chem.bundle.vo.ca_certificate, "physics", kNow)
              .error()
              .message.contains("permitted subtree violation"));
}

TEST_CASE("a user's certificate is no CA, a CA's is no credential") {
    const Issued issued;
    const CraftedCertificate crafted = issued.good();
    const Bytes forged = crafted.sign(issued.leaf, issued.user_key.pkey());
    CHECK_FALSE(issued.verify(forged));
    CHECK_FALSE(issued.verify(as_bytes(certificate_pem(forged) + certificate_pem(issued.leaf))));
    CHECK_FALSE(issued.verify(issued.vo.bundle.vo.ca_certificate));
    CraftedCertificate ca = issued.good();
    ca.basic_constraints = "critical,CA:TRUE";
    CHECK_FALSE(issued.refusal(ca).empty());
    // an intermediate CA below ours: pathlen 0
    ca.key_usage = "critical,keyCertSign,digitalSignature";
    const SigningKey middle_key = must(SigningKey::generate());
    ca.key = middle_key.pkey();
    const Bytes middle = ca.sign(issued.vo.bundle.vo.ca_certificate, issued.vo.ca_key.pkey());
    const Bytes leaf = crafted.sign(middle, middle_key.pkey());
    CHECK_FALSE(issued.verify(as_bytes(certificate_pem(leaf) + certificate_pem(middle))));
}

TEST_CASE("the profile is kept") {
    const Issued issued;
    REQUIRE(issued.refusal(issued.good()).empty());
    std::vector<CraftedCertificate> bad(12, issued.good());
    bad[0].attributes.push_back(bad[0].attributes[0]);  // twice
    bad[1].attributes.clear();
    bad[2].attributes_critical = true;
    bad[3].attributes[0].push_back(0);
    bad[4].extended_key_usage = "serverAuth";
    bad[5].extended_key_usage = nullptr;
    bad[6].extended_key_usage = "clientAuth,serverAuth";
    bad[7].key_usage = nullptr;
    bad[8].key_usage = "critical,digitalSignature,keyEncipherment";
    bad[9].basic_constraints = "CA:FALSE";
    bad[10].more_oid = "1.2.3.4";  // unknown critical
    bad[11].common_name = "root";  // another name than the attributes say
    for (size_t i = 0; i < bad.size(); ++i) {
        INFO("case " << i);
        CHECK_FALSE(issued.refusal(bad[i]).empty());
    }
    CHECK(issued.refusal(bad[0]).contains("twice"));
    CHECK(issued.refusal(bad[1]).contains("no VO attributes"));
    CHECK(issued.refusal(bad[11]).contains("different users"));
}

TEST_CASE("keys are Ed25519 or P-256") {
    const Issued issued;
    const auto with = [&](EVP_PKEY* key) {
        CraftedCertificate crafted = issued.good();
        crafted.key = key;
        return issued.verify(crafted.sign(issued.vo.bundle.vo.ca_certificate, issued.vo.ca_key.pkey()));
    };
    const PkeyPtr p256(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    const auto verified = with(p256.get());
    REQUIRE(verified);
    CHECK(verified->public_key.type == KeyType::p256);
    CHECK(verified->public_key.bytes.size() == 65);
    CHECK(verified->public_key.bytes[0] == 4);
    CHECK_FALSE(with(PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{2048})).get()));
    CHECK_FALSE(with(PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384")).get()));
    CHECK_FALSE(with(PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448")).get()));
}

TEST_CASE("verifying opens no file: every open(2) kills") {
    const Issued issued;
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        prepare_openssl();
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
        for (const int call :
             {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(socket), SCMP_SYS(execve)})
            if (seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, call, 0) < 0) _exit(3);
        if (seccomp_load(filter) < 0) _exit(4);
        _exit(issued.verify(as_bytes(issued.credential.chain_pem)) && !issued.verify(Bytes{0x30}) ? 0 : 1);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}

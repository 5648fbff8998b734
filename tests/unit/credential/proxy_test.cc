#include "common/credential/proxy.h"

#include <openssl/conf.h>

#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "tests/unit/credential/crafted_certificate.h"
#include "tests/unit/ssh/command.h"
#include "tests/unit/vo/sample_vo.h"

using namespace xos;
using namespace std::chrono_literals;

namespace {

const XosAttributes kUser1{"physics", "aaaaaaaa-0000-4000-8000-000000000001", "user1", 1, {"analysis"}, {}};

struct Delegation {
    SampleVo vo;
    SigningKey user_key = must(SigningKey::generate());
    SigningKey proxy_key = must(SigningKey::generate());
    VerifiedCredential parent = issue(user_key, "user1");

    VerifiedCredential issue(const SigningKey& key, const char* login) const {
        XosAttributes user = kUser1;
        user.login = login;
        const auto issued = must(issue_credential(must(make_request(login, key)), user,
                                                  vo.bundle.vo.ca_certificate, vo.ca_key, kNow, 6h));
        return must(verify_chain(as_bytes(issued.chain_pem), vo.bundle.vo.ca_certificate, "physics", kNow));
    }
    ProxyDraft draft(std::chrono::seconds lifetime = 2h) const {
        return must(draft_proxy(parent, proxy_key, lifetime, kNow));
    }
    std::string sign(const ProxyDraft& draft, const SigningKey& key) const {
        return std::string(as_text(must(key.sign(draft.to_be_signed))));
    }
    std::string chain() const {
        const ProxyDraft made = draft();
        return must(seal_proxy(made, parent, sign(made, user_key)));
    }
    Outcome<VerifiedProxy> verify(std::string_view chain, std::chrono::sys_seconds now = kNow) const {
        return verify_proxy(chain, vo.bundle.vo.ca_certificate, "physics", now);
    }
};

// A proxy truly signed by the user's own key, right but for what the test sets.
struct CraftedProxy {
    const char* language = kLimitedLanguage;
    const char* common_name = nullptr;  // null: the serial
    const char* usage = "critical,digitalSignature";
    int path_length = 0;  // -1: none
    bool critical = true, twice = false, constraints = false;
    std::chrono::seconds lifetime = 1h, backdate = 0s;

    std::string sign(const VerifiedCredential& parent, const SigningKey& by) const {
        const SigningKey key = must(SigningKey::generate());
        const X509Ptr proxy(X509_new());
        X509_set_version(proxy.get(), X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(proxy.get()), 4660);
        ASN1_TIME_set(X509_getm_notBefore(proxy.get()), (kNow - backdate).time_since_epoch().count());
        ASN1_TIME_set(X509_getm_notAfter(proxy.get()), (kNow + lifetime).time_since_epoch().count());
        const NamePtr issuer = make_name(parent.attributes.vo, parent.attributes.login);
        const NamePtr subject = make_name(parent.attributes.vo, parent.attributes.login);
        X509_NAME_add_entry_by_NID(subject.get(), NID_commonName, V_ASN1_UTF8STRING,
                                   reinterpret_cast<const unsigned char*>(common_name ? common_name : "4660"),
                                   -1, -1, 0);
        X509_set_issuer_name(proxy.get(), issuer.get());
        X509_set_subject_name(proxy.get(), subject.get());
        X509_set_pubkey(proxy.get(), key.pkey());
        add(proxy.get(), NID_key_usage, usage);
        std::string info = critical ? "critical," : "";
        info += std::string("language:") + language;
        if (path_length >= 0) info += ",pathlen:" + std::to_string(path_length);
        add(proxy.get(), NID_proxyCertInfo, info.c_str());
        if (twice) add(proxy.get(), NID_proxyCertInfo, info.c_str());
        if (constraints) add(proxy.get(), NID_basic_constraints, "critical,CA:TRUE");
        REQUIRE(X509_sign(proxy.get(), by.pkey(), nullptr) > 0);
        return certificate_pem(certificate_der(proxy.get())) + parent.pem;
    }

  private:
    static void add(X509* proxy, int nid, const char* value) {
        X509V3_CTX context;
        X509V3_set_ctx(&context, nullptr, proxy, nullptr, nullptr, 0);
        CONF* const empty = NCONF_new(nullptr);  // proxyCertInfo is not read without one
        X509V3_set_nconf(&context, empty);
        X509_EXTENSION* extension = X509V3_EXT_nconf_nid(empty, &context, nid, value);
        REQUIRE(extension);
        X509_add_ext(proxy, extension, -1);
        X509_EXTENSION_free(extension);
        NCONF_free(empty);
    }
};

}  // namespace

TEST_CASE("a draft that the credential's key signed is a proxy, for OpenSSL too") {
    const Delegation delegation;
    const std::string chain = delegation.chain();
    CHECK(is_proxy_chain(chain));
    CHECK_FALSE(is_proxy_chain(delegation.parent.pem));
    const VerifiedProxy proxy = must(delegation.verify(chain));
    CHECK(proxy.parent.serial == delegation.parent.serial);
    CHECK(proxy.not_after == kNow + 2h);
    CHECK(std::ranges::equal(proxy.public_key, delegation.proxy_key.public_bytes()));
    // the bare chain is no credential for a login
    CHECK_FALSE(verify_chain(as_bytes(chain), delegation.vo.bundle.vo.ca_certificate, "physics", kNow));

    const test::TempDir dir;
    const auto blocks = must(split_pem_chain(chain));
    std::ofstream(dir.path / "proxy.pem") << certificate_pem(blocks[0]);
    std::ofstream(dir.path / "user.pem") << certificate_pem(blocks[1]);
    std::ofstream(dir.path / "ca.pem") << certificate_pem(delegation.vo.bundle.vo.ca_certificate);
    const auto verified =
        test::run_command({"openssl", "verify", "-allow_proxy_certs", "-no_check_time", "-CAfile",
                           dir.path / "ca.pem", "-untrusted", dir.path / "user.pem", dir.path / "proxy.pem"});
    INFO(verified.output);
    CHECK(verified.status == 0);
    const auto strict =
        test::run_command({"openssl", "verify", "-no_check_time", "-CAfile", dir.path / "ca.pem",
                           "-untrusted", dir.path / "user.pem", dir.path / "proxy.pem"});
    CHECK(strict.status != 0);
}

TEST_CASE("a foreign, altered or broken signature delegates nothing") {
    const Delegation delegation;
    const ProxyDraft draft = delegation.draft();
    const std::string good = delegation.sign(draft, delegation.user_key);
    REQUIRE(seal_proxy(draft, delegation.parent, good));
    CHECK(seal_proxy(draft, delegation.parent, delegation.sign(draft, must(SigningKey::generate())))
              .error()
              .code == Errc::denied);
    CHECK_FALSE(seal_proxy(draft, delegation.parent, delegation.sign(draft, delegation.proxy_key)));
    for (const std::string& bad : {std::string(), std::string(64, '\0'), good.substr(1), good + "x"})
        CHECK_FALSE(seal_proxy(draft, delegation.parent, bad));
    ProxyDraft altered = draft;
    altered.to_be_signed[altered.to_be_signed.size() / 2] ^= 1;
    CHECK_FALSE(seal_proxy(altered, delegation.parent, good));
    CHECK_FALSE(seal_proxy(delegation.draft(), delegation.parent, good));  // another draft
    const VerifiedCredential other = delegation.issue(must(SigningKey::generate()), "user2");
    CHECK_FALSE(seal_proxy(draft, other, good));
}

TEST_CASE("no bit of a proxy can be changed") {
    const Delegation delegation;
    const auto blocks = must(split_pem_chain(delegation.chain()));
    for (size_t i = 0; i < blocks[0].size(); ++i) {
        Bytes changed = blocks[0];
        changed[i] ^= 0x04;
        INFO("byte " << i);
        CHECK_FALSE(delegation.verify(certificate_pem(changed) + certificate_pem(blocks[1])));
    }
}

TEST_CASE("a proxy never outlives its credential, nor 12 hours") {
    const Delegation delegation;
    CHECK(delegation.draft(12h).not_after == delegation.parent.not_after);
    CHECK(delegation.draft(2h).not_before >= delegation.parent.not_before);
    CHECK_FALSE(draft_proxy(delegation.parent, delegation.proxy_key, 12h + 1s, kNow));
    CHECK_FALSE(draft_proxy(delegation.parent, delegation.proxy_key, 59s, kNow));
    CHECK_FALSE(draft_proxy(delegation.parent, delegation.proxy_key, 2h, kNow + 6h));
    CHECK_FALSE(draft_proxy(delegation.parent, delegation.proxy_key, 2h, kNow - 6min));
    const std::string chain = delegation.chain();
    CHECK(delegation.verify(chain, kNow + 2h - 1s));
    CHECK_FALSE(delegation.verify(chain, kNow + 2h));
    CHECK_FALSE(delegation.verify(chain, kNow - 6min));
    CHECK(delegation.verify(CraftedProxy{}.sign(delegation.parent, delegation.user_key)));
    CHECK_FALSE(
        delegation.verify(CraftedProxy{.lifetime = 6h + 1s}.sign(delegation.parent, delegation.user_key)));
    CHECK_FALSE(
        delegation.verify(CraftedProxy{.backdate = 6min}.sign(delegation.parent, delegation.user_key)));
}

TEST_CASE("only the profile's proxies are accepted, truly signed or not") {
    const Delegation delegation;
    const auto refused = [&](const CraftedProxy& proxy) {
        return !delegation.verify(proxy.sign(delegation.parent, delegation.user_key));
    };
    CHECK(refused({.language = "id-ppl-inheritAll"}));
    CHECK(refused({.language = "1.3.6.1.4.1.3536.1.1.1.8"}));
    CHECK(refused({.common_name = "user2"}));
    CHECK(refused({.common_name = ""}));
    CHECK(refused({.usage = "critical,digitalSignature,keyCertSign"}));
    CHECK(refused({.usage = "digitalSignature"}));
    CHECK(refused({.path_length = -1}));
    CHECK(refused({.path_length = 1}));
    CHECK(refused({.critical = false}));
    CHECK(refused({.twice = true}));
    CHECK(refused({.constraints = true}));
    CHECK_FALSE(delegation.verify(CraftedProxy{}.sign(delegation.parent, must(SigningKey::generate()))));
    // the credential of one user, the signature of another
    const SigningKey key2 = must(SigningKey::generate());
    CHECK_FALSE(delegation.verify(CraftedProxy{}.sign(delegation.parent, key2)));
    CHECK_FALSE(
        delegation.verify(must(split_pem_chain(delegation.chain())).empty() ? "" : delegation.parent.pem));
}

TEST_CASE("a proxy delegates to nobody") {
    const Delegation delegation;
    const std::string chain = delegation.chain();
    const VerifiedProxy proxy = must(delegation.verify(chain));
    VerifiedCredential as_parent = proxy.parent;  // an attacker who holds the proxy's key
    as_parent.public_key.bytes = proxy.public_key;
    const ProxyDraft draft = must(draft_proxy(as_parent, must(SigningKey::generate()), 1h, kNow));
    const std::string signature = delegation.sign(draft, delegation.proxy_key);
    const std::string second = must(seal_proxy(draft, as_parent, signature));
    const std::string first_block = certificate_pem(must(split_pem_chain(second)).front());
    CHECK(delegation.verify(first_block + chain).error().message.contains("proxy of a proxy"));
    CHECK_FALSE(delegation.verify(second));
}

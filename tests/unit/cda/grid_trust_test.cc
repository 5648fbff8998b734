// Certificates and revocation lists that the real openssl(1) made.
#include <openssl/pem.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "cda/voms_content.h"
#include "common/credential/openssl_ptr.h"
#include "tests/unit/cda/test_authority.h"
#include "tests/unit/ssh/command.h"

using namespace xos;
using Catch::Matchers::ContainsSubstring;

namespace {

// A CA of openssl with a server's certificate and revocation lists.
struct GridCa {
    test::TempDir dir;
    std::string file(const char* name) const { return dir.path / name; }
    std::string text(const char* name) const { return test::read_file(dir.path / name); }

    void openssl(std::vector<std::string> words) const {
        words.insert(words.begin(), "openssl");
        const auto done = test::run_command(words);
        INFO(done.errors);
        REQUIRE(done.status == 0);
    }
    explicit GridCa(const char* name = "Grid CA") {
        openssl({"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", std::string("/DC=org/CN=") + name,
                 "-days", "30", "-keyout", file("ca.key"), "-out", file("ca.pem")});
        openssl({"x509", "-in", file("ca.pem"), "-outform", "DER", "-out", file("ca.der")});
        test::write_file(dir.path / "index", "");
        test::write_file(dir.path / "number", "01\n");
        test::write_file(dir.path / "ca.conf", "[ca]\ndefault_ca=own\n[own]\ndatabase=" + file("index") +
                                                   "\ncrlnumber=" + file("number") +
                                                   "\ndefault_md=sha256\ndefault_crl_days=10\n");
        make_crl("crl.pem", "20260101000000Z");
        make_crl("later.pem", "20260201000000Z");
        openssl({"crl", "-in", file("later.pem"), "-outform", "DER", "-out", file("later.der")});
    }
    void make_crl(const char* name, const char* from) const {
        openssl({"ca", "-gencrl", "-config", file("ca.conf"), "-keyfile", file("ca.key"), "-cert",
                 file("ca.pem"), "-crl_lastupdate", from, "-crl_nextupdate", "20300101000000Z", "-out",
                 file(name)});
    }
};

// A list that does not say when the next one comes; openssl(1) writes none.
std::string make_endless_crl(const GridCa& ca) {
    const std::string key_text = ca.text("ca.key"), ca_text = ca.text("ca.pem");
    const BioPtr key_in(BIO_new_mem_buf(key_text.data(), static_cast<int>(key_text.size()))),
        ca_in(BIO_new_mem_buf(ca_text.data(), static_cast<int>(ca_text.size())));
    const PkeyPtr key(PEM_read_bio_PrivateKey(key_in.get(), nullptr, nullptr, nullptr));
    const X509Ptr certificate(PEM_read_bio_X509(ca_in.get(), nullptr, nullptr, nullptr));
    const std::unique_ptr<X509_CRL, OpensslFree<X509_CRL_free>> crl(X509_CRL_new());
    const std::unique_ptr<ASN1_TIME, OpensslFree<ASN1_TIME_free>> from(ASN1_TIME_set(nullptr, 1767225600));
    REQUIRE((key && certificate && crl && from));
    REQUIRE(X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) == 1);
    REQUIRE(X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(certificate.get())) == 1);
    REQUIRE(X509_CRL_set1_lastUpdate(crl.get(), from.get()) == 1);
    REQUIRE(X509_CRL_sign(crl.get(), key.get(), EVP_sha256()) > 0);
    const BioPtr out(BIO_new(BIO_s_mem()));
    REQUIRE(PEM_write_bio_X509_CRL(out.get(), crl.get()) == 1);
    const char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<size_t>(size)};
}

}  // namespace

TEST_CASE("the VOMS of a VO is set from PEM and DER, and kept as DER") {
    const GridCa ca, other("Other CA");
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    const std::string both = "a comment\n" + ca.text("ca.pem") + "\n" + other.text("ca.pem");
    REQUIRE(authority->set_voms("physics", {"physics.voms", {both, ca.text("ca.der")}, {ca.text("ca.pem")}}));
    const auto trust = authority.bundle().voms;
    REQUIRE(trust);
    CHECK(trust->vo == "physics.voms");
    CHECK(trust->anchors.size() == 2);
    CHECK(as_text(trust->servers.at(0)) == ca.text("ca.der"));

    const std::string good = ca.text("ca.pem");
    for (const VomsFiles& bad :
         {VomsFiles{"x", {}, {good}}, VomsFiles{"x", {good}, {}}, VomsFiles{"", {good}, {good}},
          VomsFiles{"a b", {good}, {good}}, VomsFiles{"x", {"rubbish"}, {good}},
          VomsFiles{"x", {ca.text("ca.key")}, {good}}, VomsFiles{"x", {good + ca.text("ca.key")}, {good}},
          VomsFiles{"x", {ca.text("crl.pem")}, {good}}, VomsFiles{"x", {good.substr(0, 400)}, {good}},
          VomsFiles{"x", {ca.text("ca.der") + "x"}, {good}},
          VomsFiles{"x", {std::string(kGridFileMax + 1, 'x')}, {good}}})
        CHECK_FALSE(authority->set_voms("physics", bad));
    CHECK_FALSE(authority->set_voms("chem", {"x", {good}, {good}}));
    CHECK(authority.bundle().voms == trust);
}

TEST_CASE("revocation lists are taken from the anchors alone, and never older ones") {
    const GridCa ca, other("Other CA"), namesake;
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    CHECK(authority->add_crls("physics", {ca.text("crl.pem")}).error().code == Errc::not_found);
    REQUIRE(authority->set_voms("physics", {"physics", {ca.text("ca.pem")}, {ca.text("ca.pem")}}));
    CHECK(must(authority->add_crls("physics", {ca.text("crl.pem")})) == 1);
    CHECK(must(authority->add_crls("physics", {ca.text("later.der")})) == 1);
    CHECK(must(authority->add_crls("physics", {ca.text("later.pem")})) == 0);
    REQUIRE(authority.bundle().crls.size() == 1);
    CHECK(as_text(authority.bundle().crls[0]) == ca.text("later.der"));

    CHECK(authority->add_crls("physics", {ca.text("crl.pem")}).error().code == Errc::denied);
    CHECK_THAT(authority->add_crls("physics", {other.text("crl.pem")}).error().message,
               ContainsSubstring("/DC=org/CN=Other CA"));
    CHECK(authority->add_crls("physics", {namesake.text("later.pem")}).error().code == Errc::denied);
    CHECK_FALSE(authority->add_crls("physics", {ca.text("ca.pem")}));
    CHECK_FALSE(authority->add_crls("physics", {"rubbish"}));
    CHECK_FALSE(authority->add_crls("physics", {}));
    CHECK_FALSE(authority->add_crls("physics", {ca.text("later.pem"), ca.text("later.der")}));
    CHECK(as_text(authority.bundle().crls[0]) == ca.text("later.der"));
}

TEST_CASE("a revocation list that would never end is refused") {
    const GridCa ca;
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    REQUIRE(authority->set_voms("physics", {"physics", {ca.text("ca.pem")}, {ca.text("ca.pem")}}));
    const auto taken = authority->add_crls("physics", {make_endless_crl(ca)});
    REQUIRE_FALSE(taken);
    CHECK(taken.error().code == Errc::invalid);
    CHECK_THAT(taken.error().message, ContainsSubstring("Grid CA") && ContainsSubstring("never end"));
    CHECK(authority.bundle().crls.empty());
}

TEST_CASE("with an anchor its revocation list goes") {
    const GridCa ca, other("Other CA"), namesake;
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    const std::string server = ca.text("ca.pem");
    REQUIRE(authority->set_voms("physics", {"physics", {server, other.text("ca.pem")}, {server}}));
    CHECK(must(authority->add_crls("physics", {ca.text("crl.pem"), other.text("crl.pem")})) == 2);
    REQUIRE(authority->set_voms("physics", {"physics", {server}, {server}}));
    REQUIRE(authority.bundle().crls.size() == 1);
    CHECK(must(read_grid_crls(as_text(authority.bundle().crls[0]), "crl"))[0].issuer_name ==
          "/DC=org/CN=Grid CA");
    // another key under the same name: an older list of the new key may come
    REQUIRE(authority->set_voms("physics", {"physics", {namesake.text("ca.pem")}, {server}}));
    CHECK(authority.bundle().crls.empty());
    CHECK(must(authority->add_crls("physics", {namesake.text("crl.pem")})) == 1);
}

TEST_CASE("no more revocation lists are kept than nodes read") {
    const GridCa ca;
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    REQUIRE(authority->set_voms("physics", {"physics", {ca.text("ca.pem")}, {ca.text("ca.pem")}}));
    const std::string kept = JsonObject()
                                 .set("der", Json::string(encode_base64url(as_bytes(ca.text("later.der")))))
                                 .build()
                                 .format();
    // as they lay there of CAs that were anchors once
    for (size_t i = 0; i < kCrlsMax; ++i)
        REQUIRE(authority.registry->put(compose("vo/physics/crl/{}", i), kept, 0));
    CHECK(authority->add_crls("physics", {ca.text("crl.pem")}).error().code == Errc::unavailable);
    CHECK(authority.bundle().crls.size() == kCrlsMax);
}

#include "xosd/verifier/proxy_check.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "common/voms/proxy_chain.h"
#include "tests/unit/verifier/grid_fixture.h"
#include "xosd/verifier/credential_check.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string reason(const VerifyRequest& request) {
    const auto started = std::chrono::steady_clock::now();
    const auto credential = check_credential(request);
    CHECK(std::chrono::steady_clock::now() - started < 1s);  // half of the verifier's deadline
    if (credential) return "accepted";
    CHECK((credential.error().code == Errc::denied || credential.error().code == Errc::invalid));
    return credential.error().message;
}

// Nobody waits for a prime of 8192 bits: an odd number of that size has the form of a key.
PkeyPtr read_giant_key() {
    const BignumPtr n(BN_new()), e(BN_new());
    BN_set_word(e.get(), 65537);
    BN_rand(n.get(), 16384, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
    const std::unique_ptr<OSSL_PARAM_BLD, OpensslFree<OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
    OSSL_PARAM* parameters = OSSL_PARAM_BLD_to_param(builder.get());
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr);
    EVP_PKEY* key = nullptr;
    EVP_PKEY_fromdata_init(context);
    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters);
    OSSL_PARAM_free(parameters);
    EVP_PKEY_CTX_free(context);
    return PkeyPtr(key);
}

}  // namespace

TEST_CASE("a genuine VOMS proxy is accepted, and says who and what its holder is") {
    const TestGrid grid("RSA-2048");
    const std::string file = genuine_proxy(grid, {"-rfc"});
    const PkeyPtr key = key_of(file);
    REQUIRE(key);
    const auto request = grid.request(certificates_of(file), key.get());
    const auto credential = check_credential(request);
    INFO((credential ? "" : credential.error().message));
    REQUIRE(credential);
    REQUIRE(credential->grid);
    CHECK(credential->grid->issuer == "/DC=org/DC=example/CN=Grid CA");
    CHECK(credential->grid->subject == "/DC=org/DC=example/O=Users/CN=User One");
    CHECK(credential->grid->vo == "physics");
    CHECK(credential->grid->fqans ==
          std::vector<std::string>{"/physics/analysis/Role=production/Capability=NULL",
                                   "/physics/Role=NULL/Capability=NULL"});
    CHECK(credential->grid->serials.size() == 2);
    CHECK(credential->attributes.vo == "physics");
    CHECK(credential->public_key.type == KeyType::rsa);
    CHECK(credential->not_after > test_now() + 11h);
    CHECK(credential->not_after < test_now() + 13h);
    CHECK(split_pem_chain(credential->pem)->size() == 2);
    CHECK_THAT(credential->pem, !ContainsSubstring("PRIVATE"));

    SECTION("the node does not take VOMS proxies of that VO") {
        auto closed = request;
        closed.voms.reset();
        CHECK_THAT(reason(closed), ContainsSubstring("voms: accept in node.yaml"));
    }
    SECTION("no changed bit of proxy or user's certificate passes") {
        const auto ders = *split_pem_chain(certificates_of(file));
        size_t accepted = 0;
        for (const size_t which : {0, 1})
            for (size_t bit = which * 5; bit < ders[which].size() * 8; bit += 97) {
                auto changed = ders;
                changed[which][bit / 8] = static_cast<uint8_t>(changed[which][bit / 8] ^ 1 << bit % 8);
                const std::string chain = certificate_pem(changed[0]) + certificate_pem(changed[1]);
                accepted += check_proxy(chain, request).has_value();
            }
        CHECK(accepted == 0);
    }
    SECTION("it is revoked with its user") {
        auto revoked = request;
        revoked.voms->crls = {grid.ca.list({grid.user.x509()})};
        CHECK_THAT(reason(revoked), ContainsSubstring("User One is revoked by its CA"));
    }
}

TEST_CASE("genuine proxies of other sorts are refused") {
    const TestGrid grid("RSA-2048");
    const auto judged = [&](const std::vector<std::string>& arguments) {
        const std::string file = genuine_proxy(grid, arguments);
        const PkeyPtr key = key_of(file);
        REQUIRE(key);
        return reason(grid.request(certificates_of(file), key.get()));
    };
    CHECK_THAT(judged({"-rfc", "-limited"}), ContainsSubstring("limited proxy may not log in"));
    // its names are all of physics still
    CHECK_THAT(judged({"-rfc", "-voms", "bio"}), ContainsSubstring("no FQAN of the VO"));
}

TEST_CASE("a proxy made here is accepted, so that the spoilt ones are refused for what was spoilt") {
    const TestGrid grid;
    CHECK(reason(grid.request(grid.proxy())) == "accepted");
    CHECK(reason(grid.request(grid.proxy({.subject_as_holder = false}))) == "accepted");
    CHECK(reason(grid.request(grid.proxy({}, {.key = "RSA-2048"}))) == "accepted");
    CHECK(reason(grid.request(grid.proxy({}, {.key = "ED25519"}))) == "accepted");
    SECTION("a proxy of the proxy carries the attributes further") {
        const Entity first = grid.proxy();
        const Entity second = make_proxy(first);
        const auto request = grid.request(second.pem() + first.pem() + grid.user.pem(), second.key.get());
        const auto credential = check_credential(request);
        REQUIRE(credential);
        CHECK(credential->grid->serials.size() == 3);
        CHECK(credential->grid->subject == "/DC=org/DC=example/O=Users/CN=User One");
    }
    SECTION("an intermediate CA that the chain brings along") {
        TestGrid below;
        const GridCa middle("Middle CA", &below.ca.self);
        below.user = middle.issue(user_name("User One"));
        below.trust.crls = {below.ca.list(), middle.list()};
        const Entity proxy = below.proxy();
        const std::string chain = proxy.pem() + below.user.pem() + middle.self.pem();
        CHECK(reason(below.request(chain, proxy.key.get())) == "accepted");
        below.trust.crls = {below.ca.list()};
        CHECK_THAT(reason(below.request(chain, proxy.key.get())),
                   ContainsSubstring("no revocation list of the CA /DC=org/DC=example/CN=Middle CA"));
        below.trust.crls = {below.ca.list({middle.self.x509()}), middle.list()};
        CHECK_THAT(reason(below.request(chain, proxy.key.get())), ContainsSubstring("Middle CA is revoked"));
    }
}

TEST_CASE("attacks with proxies") {
    const TestGrid grid;
    SECTION("a thief's key around the victim's chain") {
        const Entity victim = grid.proxy();
        const PkeyPtr thief = make_key();
        CHECK_THAT(
            reason(grid.request(victim.pem() + grid.user.pem(), thief.get())),
            ContainsSubstring("not the key of the credential of /DC=org/DC=example/O=Users/CN=User One"));
    }
    SECTION("a proxy beyond the path length") {
        const Entity first = grid.proxy({}, {.path_length = 0});
        CHECK(reason(grid.request(first)) == "accepted");
        const Entity second = make_proxy(first);
        CHECK_THAT(reason(grid.request(second.pem() + first.pem() + grid.user.pem(), second.key.get())),
                   ContainsSubstring("path length"));
    }
    SECTION("more proxies than are read") {
        std::vector<Entity> proxies;
        proxies.push_back(grid.proxy());
        while (proxies.size() <= kProxiesMax) proxies.push_back(make_proxy(proxies.back()));
        std::string chain = grid.user.pem();
        for (const Entity& one : proxies) chain = one.pem() + chain;
        CHECK_THAT(reason(grid.request(chain, proxies.back().key.get())),
                   ContainsSubstring("proxies one upon the other"));
    }
    SECTION("signed by another user in the victim's name") {
        const Entity other = grid.ca.issue(user_name("User Two"));
        const ExtensionPtr extension = voms_extension({make_attributes(grid.user, grid.server)});
        const Entity proxy = make_proxy(other, {.extra = extension.get(), .pretended = grid.user.x509()});
        CHECK(reason(grid.request(proxy.pem() + grid.user.pem(), proxy.key.get())) != "accepted");
        CHECK(reason(grid.request(proxy.pem() + other.pem(), proxy.key.get())) != "accepted");
    }
    SECTION("another user's proxy that takes a name not below its issuer's") {
        const Entity other = grid.ca.issue(user_name("User Two"));
        const ExtensionPtr extension = voms_extension({make_attributes(other, grid.server)});
        Entity proxy = make_proxy(other, {.extra = extension.get()});
        X509_set_subject_name(proxy.x509(), X509_get_subject_name(grid.proxy().x509()));
        X509_sign(proxy.x509(), other.key.get(), EVP_sha256());
        CHECK_THAT(reason(grid.request(proxy.pem() + other.pem(), proxy.key.get())),
                   ContainsSubstring("does not verify"));
    }
    SECTION("limited, independent, unknown, legacy and draft proxies") {
        CHECK_THAT(reason(grid.request(grid.proxy({}, {.language = kLimited}))),
                   ContainsSubstring("limited proxy"));
        CHECK_THAT(reason(grid.request(grid.proxy({}, {.language = kIndependent}))),
                   ContainsSubstring("independent proxy"));
        CHECK_THAT(reason(grid.request(grid.proxy({}, {.language = "1.2.3.4"}))),
                   ContainsSubstring("policy that is not known"));
        CHECK_THAT(reason(grid.request(grid.proxy({}, {.language = "", .last = "proxy"}))),
                   ContainsSubstring("legacy proxy"));
        CHECK(reason(grid.request(grid.proxy({}, {.language = "", .last = "1234"}))) != "accepted");
        const Entity limited = grid.proxy({}, {.language = kLimited});
        const Entity full = make_proxy(limited);
        CHECK_THAT(reason(grid.request(full.pem() + limited.pem() + grid.user.pem(), full.key.get())),
                   ContainsSubstring("limited proxy"));
    }
    SECTION("a user's certificate as CA") {
        Wanted wanted{.subject = grid_name(user_name("User Two")),
                      .extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                                     {NID_key_usage, "critical,digitalSignature"},
                                     {NID_ext_key_usage, "clientAuth"},
                                     {NID_subject_key_identifier, "hash"},
                                     {NID_authority_key_identifier, "keyid:always"}}};
        Entity made{nullptr, make_key()};
        made.certificate =
            sign_certificate(std::move(wanted), made.key.get(), grid.user.x509(), grid.user.key.get());
        const ExtensionPtr extension = voms_extension({make_attributes(made, grid.server)});
        const Entity proxy = make_proxy(made, {.extra = extension.get()});
        CHECK_THAT(reason(grid.request(proxy.pem() + made.pem() + grid.user.pem(), proxy.key.get())),
                   ContainsSubstring("invalid CA certificate"));
    }
    SECTION("a CA that nobody trusts, and one that takes an anchor's name") {
        TestGrid other;
        other.trust = grid.trust;
        CHECK(reason(other.request(other.proxy())) != "accepted");
        // below another anchor of the same VO: X.509 is content, the name of the issuer is stolen
        TestGrid two;
        const GridCa second("Second CA");
        const GridCa impostor("Grid CA", &second.self);
        two.user = impostor.issue(user_name("User One"));
        two.trust.trust.anchors.push_back(second.self.der());
        two.trust.crls = {second.list(), impostor.list()};
        const Entity proxy = two.proxy();
        CHECK_THAT(reason(two.request(proxy.pem() + two.user.pem() + impostor.self.pem(), proxy.key.get())),
                   ContainsSubstring("another CA calls itself /DC=org/DC=example/CN=Grid CA"));
    }
    SECTION("expired, not yet valid, cut, turned round, with something behind") {
        CHECK_THAT(reason(grid.request(grid.proxy({}, {.wanted = {.from = -600s, .until = -1s}}))),
                   ContainsSubstring("expired at"));
        CHECK_THAT(reason(grid.request(grid.proxy({}, {.wanted = {.from = 60s, .until = 600s}}))),
                   ContainsSubstring("compare the clocks"));
        const Entity proxy = grid.proxy();
        CHECK_THAT(reason(grid.request(proxy.pem(), proxy.key.get())),
                   ContainsSubstring("the user's own certificate is missing"));
        CHECK(reason(grid.request(grid.user.pem() + proxy.pem(), proxy.key.get())) != "accepted");
        CHECK(reason(grid.request(proxy.pem() + grid.user.pem() + "x", proxy.key.get())) != "accepted");
        Bytes longer = proxy.der();
        longer.push_back(0);
        CHECK(reason(grid.request(certificate_pem(longer) + grid.user.pem(), proxy.key.get())) != "accepted");
    }
    SECTION("the user's own certificate, with and without attributes") {
        CHECK(reason(grid.request(grid.user.pem(), grid.user.key.get())) != "accepted");
        const ExtensionPtr extension = voms_extension({make_attributes(grid.user, grid.server)});
        X509_add_ext(grid.user.x509(), extension.get(), -1);
        X509_sign(grid.user.x509(), grid.ca.self.key.get(), EVP_sha256());
        CHECK_THAT(reason(grid.request(grid.user.pem(), grid.user.key.get())),
                   ContainsSubstring("belong into a proxy"));
    }
    SECTION("a proxy upon an XOS-Cert") {
        const SigningKey key = *SigningKey::generate();
        const auto ders = *split_pem_chain(grid.vo.issue("user1", key));
        const Entity holder{*parse_certificate(ders.front(), ""), PkeyPtr(EVP_PKEY_dup(key.pkey()))};
        const ExtensionPtr extension = voms_extension({make_attributes(holder, grid.server)});
        const Entity proxy = make_proxy(holder, {.extra = extension.get()});
        CHECK(reason(grid.request(proxy.pem() + holder.pem(), proxy.key.get())) != "accepted");
        const Entity bare = make_proxy(holder);
        CHECK(reason(grid.request(bare.pem() + holder.pem(), bare.key.get())) != "accepted");
    }
}

TEST_CASE("attacks with attribute certificates") {
    const TestGrid grid;
    const auto with = [&](const std::vector<Bytes>& acerts) {
        const ExtensionPtr extension = voms_extension(acerts);
        return reason(grid.request(make_proxy(grid.user, {.extra = extension.get()})));
    };
    const Bytes good = make_attributes(grid.user, grid.server);
    CHECK(with({good}) == "accepted");
    SECTION("none, two, two proxies with one each") {
        CHECK_THAT(reason(grid.request(make_proxy(grid.user))), ContainsSubstring("voms-proxy-init"));
        CHECK_THAT(with({good, good}), ContainsSubstring("more than one"));
        CHECK(with({}) != "accepted");
        const Entity first = grid.proxy();
        const ExtensionPtr extension = voms_extension({good});
        const Entity second = make_proxy(first, {.extra = extension.get()});
        CHECK_THAT(reason(grid.request(second.pem() + first.pem() + grid.user.pem(), second.key.get())),
                   ContainsSubstring("more than one attribute certificate"));
    }
    SECTION("another holder's") {
        const Entity other = grid.ca.issue(user_name("User Two"));
        CHECK_THAT(with({make_attributes(other, grid.server)}), ContainsSubstring("of another holder"));
        const Entity same_name = grid.ca.issue(user_name("User One"));  // another serial
        CHECK_THAT(with({make_attributes(same_name, grid.server)}), ContainsSubstring("of another holder"));
    }
    SECTION("a server that the VO does not name, and one that takes its name") {
        const Entity other = grid.ca.issue(host_name("evil.example.org"));
        CHECK_THAT(with({make_attributes(grid.user, other)}), ContainsSubstring("which is no VOMS server"));
        const Entity same_name = grid.ca.issue(host_name("voms.example.org"));
        CHECK_THAT(with({make_attributes(grid.user, same_name)}), ContainsSubstring("is not signed by"));
        CHECK_THAT(with({make_attributes(grid.user, grid.user)}),
                   ContainsSubstring("which is no VOMS server"));
    }
    SECTION("a changed FQAN, or any other bit") {
        Bytes changed = good;
        const std::string_view text = as_text(changed);
        const size_t at = text.find("production");
        REQUIRE(at != std::string_view::npos);
        changed[at] = 'q';
        CHECK_THAT(with({changed}), ContainsSubstring("is not signed by"));
        size_t accepted = 0;
        const Entity holder = make_proxy(grid.user);
        for (size_t bit = 0; bit < good.size() * 8; bit += 7) {
            changed = good;
            changed[bit / 8] = static_cast<uint8_t>(changed[bit / 8] ^ 1 << bit % 8);
            const ExtensionPtr extension = voms_extension({changed});
            const Entity proxy = make_proxy(grid.user, {.extra = extension.get()});
            accepted += check_proxy(proxy.pem() + grid.user.pem(), grid.request(proxy)).has_value();
        }
        CHECK(accepted == 0);
    }
    SECTION("other dates") {
        CHECK_THAT(with({make_attributes(grid.user, grid.server, {.from = -600s, .until = -300s})}),
                   ContainsSubstring("valid"));
        CHECK_THAT(with({make_attributes(grid.user, grid.server, {.from = 300s, .until = 600s})}),
                   ContainsSubstring("valid"));
        CHECK_THAT(with({make_attributes(grid.user, grid.server, {.from = -1h, .until = -15min})}),
                   ContainsSubstring("at no time valid together"));
    }
    SECTION("another VO's, and names of another VO") {
        CHECK_THAT(with({make_attributes(grid.user, grid.server, {.vo = "bio", .fqans = {"/bio"}})}),
                   ContainsSubstring("of the VO bio, not of physics"));
        CHECK_THAT(with({make_attributes(grid.user, grid.server, {.fqans = {"/physics", "/bio/admin"}})}),
                   ContainsSubstring("no FQAN of the VO"));
    }
    SECTION("names that are none") {
        const std::string name =
            GENERATE("", "/", "physics", "/physics/", "/physics//a", "/physics/a b",
                     "/physics/Role=", "/physics/Role=a/Role=b", "/physics/Role=a/b", "/Role=a",
                     "/physics/\n", "/physics/../..", "/physics/Capability=x");
        if (name != "/physics/../..")  // dots are letters of a name like others, and no such group exists
            CHECK_THAT(with({make_attributes(grid.user, grid.server, {.fqans = {name}})}),
                       ContainsSubstring("no FQAN of the VO"));
        CHECK_THAT(
            with({make_attributes(grid.user, grid.server, {.fqans = {std::string("/physics\0x", 10)}})}),
            ContainsSubstring("no FQAN of the VO"));
        CHECK_THAT(with({make_attributes(grid.user, grid.server, {.fqans = {}})}),
                   ContainsSubstring("names"));
    }
    SECTION("for targets, or with something critical that nobody knows") {
        CHECK_THAT(with({make_attributes(grid.user, grid.server, {.targets = true})}),
                   ContainsSubstring("for other targets"));
        CHECK_THAT(with({make_attributes(grid.user, grid.server, {.critical_oid = "yes"})}),
                   ContainsSubstring("critical extension"));
    }
    SECTION("a weak digest") {
        CHECK_THAT(with({make_attributes(grid.user, grid.server, {.digest = EVP_sha1()})}),
                   ContainsSubstring("weak digest"));
        const Entity rsa = grid.ca.issue(host_name("voms.example.org"), "RSA-2048");
        CHECK_THAT(with({make_attributes(grid.user, rsa, {.digest = EVP_md5()})}),
                   ContainsSubstring("weak digest"));
    }
    SECTION("bytes behind it") {
        Bytes longer = good;
        longer.push_back(0);
        CHECK(with({longer}) != "accepted");
    }
    SECTION("a huge one") {
        CHECK_THAT(with({make_attributes(grid.user, grid.server,
                                         {.fqans = std::vector<std::string>(kFqansMax + 1, "/physics/a")})}),
                   ContainsSubstring("names, expected 1 to"));
        CHECK(with({make_attributes(grid.user, grid.server,
                                    {.fqans = std::vector<std::string>(2000, "/physics/analysis")})}) !=
              "accepted");
    }
}

TEST_CASE("revocation by CAs, and lists that are missing, stale or endless") {
    TestGrid grid;
    const Entity proxy = grid.proxy();
    SECTION("the user") {
        grid.trust.crls = {grid.ca.list({grid.user.x509()})};
        CHECK_THAT(reason(grid.request(proxy)), ContainsSubstring("is revoked by its CA"));
    }
    SECTION("the VOMS server") {
        grid.trust.crls = {grid.ca.list({grid.server.x509()})};
        CHECK_THAT(reason(grid.request(proxy)), ContainsSubstring("voms.example.org is revoked"));
    }
    SECTION("the proxy, by its user") {
        grid.trust.crls = {grid.ca.list(), GridCa::sign_list(grid.user, {proxy.x509()}, 1h)};
        CHECK_THAT(reason(grid.request(proxy)), ContainsSubstring("the proxy is revoked by its issuer"));
        const Entity other = grid.proxy();
        CHECK(reason(grid.request(other)) == "accepted");
    }
    SECTION("a list in the user's name by somebody else revokes nothing") {
        const Entity forger{X509Ptr(X509_dup(grid.user.x509())), make_key()};
        grid.trust.crls = {grid.ca.list(), GridCa::sign_list(forger, {proxy.x509()}, 1h)};
        CHECK(reason(grid.request(proxy)) == "accepted");
    }
    SECTION("missing") {
        grid.trust.crls.clear();
        CHECK_THAT(reason(grid.request(proxy)),
                   ContainsSubstring("no revocation list of the CA /DC=org/DC=example/CN=Grid CA"));
    }
    SECTION("another CA's") {
        grid.trust.crls = {GridCa().list()};  // the same name, another key
        CHECK(reason(grid.request(proxy)) != "accepted");
    }
    SECTION("stale: within the node's grace only, and what it says holds") {
        grid.trust.crls = {grid.ca.list({}, -1h)};
        CHECK_THAT(reason(grid.request(proxy)),
                   ContainsSubstring(
                       "the revocation list of the CA /DC=org/DC=example/CN=Grid CA is stale since 20"));
        grid.trust.crl_grace = 2h;
        CHECK(reason(grid.request(proxy)) == "accepted");
        grid.trust.crl_grace = 59min;
        CHECK_THAT(reason(grid.request(proxy)), ContainsSubstring("is stale since"));
        grid.trust.crl_grace = 2h;
        grid.trust.crls = {grid.ca.list({grid.user.x509()}, -1h)};
        CHECK_THAT(reason(grid.request(proxy)), ContainsSubstring("is revoked by its CA"));
    }
    SECTION("endless, or no list at all") {
        grid.trust.crls = {GridCa::sign_list(grid.ca.self, {}, std::nullopt)};
        CHECK_THAT(reason(grid.request(proxy)), ContainsSubstring("says not until when it holds"));
        grid.trust.crls = {Bytes{1, 2, 3}};
        CHECK_THAT(reason(grid.request(proxy)), ContainsSubstring("cannot be read"));
    }
}

TEST_CASE("weak and giant keys and signatures, and names with two meanings") {
    TestGrid grid;
    SECTION("RSA-1024, in the proxy and in the user's certificate") {
        const Entity user = grid.ca.issue(user_name("User One"), "RSA-1024");
        const ExtensionPtr extension = voms_extension({make_attributes(user, grid.server)});
        const Entity proxy = make_proxy(user, {.extra = extension.get()});
        CHECK_THAT(reason(grid.request(proxy.pem() + user.pem(), proxy.key.get())),
                   ContainsSubstring("key too weak"));
    }
    SECTION("a signature with SHA-1") {
        CHECK_THAT(reason(grid.request(grid.proxy({}, {.wanted = {.digest = EVP_sha1()}}))),
                   ContainsSubstring("does not verify"));
        grid.user = grid.ca.issue(user_name("User One"), "P-256", {.digest = EVP_sha1()});
        CHECK_THAT(reason(grid.request(grid.proxy())), ContainsSubstring("does not verify"));
    }
    SECTION("RSA-16384 in the user's certificate costs nobody any time") {
        const PkeyPtr giant = read_giant_key();
        REQUIRE(giant);
        Wanted wanted{.subject = grid_name(user_name("User One")),
                      .extensions = {{NID_basic_constraints, "critical,CA:FALSE"}}};
        const Entity user{
            sign_certificate(std::move(wanted), giant.get(), grid.ca.self.x509(), grid.ca.self.key.get()),
            make_key()};
        const ExtensionPtr extension = voms_extension({make_attributes(user, grid.server)});
        const Entity proxy = make_proxy(user, {.extra = extension.get()});
        CHECK_THAT(reason(grid.request(proxy.pem() + user.pem(), proxy.key.get())),
                   ContainsSubstring("RSA of at most 8192 bits"));
    }
    SECTION("a NUL, a slash that hides a part, a backslash, two values in one part") {
        for (const std::string& name : {std::string("User\0One", 8), std::string("User/CN=Admin"),
                                        std::string("User\\x00"), std::string("User\x01")}) {
            grid.user = grid.ca.issue(user_name(name));
            CHECK_THAT(reason(grid.request(grid.proxy())), ContainsSubstring("could be read in two ways"));
        }
        Entity user = grid.ca.issue(user_name("User One"));
        X509_NAME_add_entry_by_txt(const_cast<X509_NAME*>(X509_get_subject_name(user.x509())), "CN",
                                   MBSTRING_ASC, reinterpret_cast<const unsigned char*>("Two"), -1, -1, -1);
        X509_sign(user.x509(), grid.ca.self.key.get(), EVP_sha256());
        grid.user = std::move(user);
        CHECK_THAT(reason(grid.request(grid.proxy())), ContainsSubstring("could be read in two ways"));
    }
}

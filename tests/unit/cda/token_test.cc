// Tokens: those of libscitokens and of a maker of our own, which can also make what no honest issuer would.
#include <catch2/catch_test_macros.hpp>

#include "cda/token.h"
#include "cda/token_exchange.h"
#include "tests/unit/cda/test_authority.h"
#include "tests/unit/cda/token_maker.h"

using namespace xos;
using namespace std::chrono_literals;

namespace {

constexpr char kUrl[] = "https://login.example.org/realms/science";
constexpr char kAudience[] = "https://authority.example.org";

struct TokenVo {
    TestAuthority authority;
    TokenKey rsa = TokenKey::rsa(2048), p256 = TokenKey::p256();

    TokenVo() {
        must(authority->create_vo("physics", {}, kNow));
        must(authority->add_member("user1@physics", {}, {}));
        must(authority->add_member("user2@physics", {}, {}));
        add(issuer());
    }

    TokenIssuer issuer() {
        return {.url = kUrl,
                .audience = kAudience,
                .jwks = jwk_set({rsa.jwk("r"), p256.jwk("e")}),
                .mappings = must(authority->bind_mappings("physics", {{"248289761001", "user1@physics"}}))};
    }
    void add(const TokenIssuer& issuer) { must(authority->add_issuer("physics", issuer)); }

    Outcome<std::string> check(std::string_view token, std::chrono::sys_seconds now = kNow) {
        return check_token(*authority.authority, "physics", token, now);
    }
    // The refusal's message; the test fails where there is none.
    std::string refusal(std::string_view token, std::chrono::sys_seconds now = kNow) {
        const auto login = check(token, now);
        INFO("accepted for " << login.value_or(""));
        REQUIRE_FALSE(login);
        return login.error().message;
    }
    std::string refuse_claims(const std::string& claims) {
        return refusal(rsa.sign(header("RS256", "r"), claims));
    }
};

std::string claims(std::string_view extra = "", std::string_view sub = "248289761001") {
    return compose(R"({{"iss":"{}","aud":"{}","sub":"{}","exp":{},"iat":{}{}}})", kUrl, kAudience, sub,
                   seconds(kNow + 1h), seconds(kNow), extra);
}

}  // namespace

TEST_CASE("a sound token speaks for the mapped member") {
    TokenVo vo;
    CHECK(must(vo.check(vo.rsa.sign(header("RS256", "r"), claims()))) == "user1@physics");
    CHECK(must(vo.check(vo.p256.sign(header("ES256", "e"), claims()))) == "user1@physics");
    CHECK(must(vo.check(vo.rsa.sign(R"({"alg":"RS256"})", claims()))) ==
          "user1@physics");  // the only RSA key
    CHECK(must(vo.check(vo.rsa.sign(R"({"alg":"RS256","kid":"r","typ":"at+JWT"})", claims()))) ==
          "user1@physics");
    const std::string many = compose(R"({{"iss":"{}","aud":["x","{}"],"sub":"user2@physics","exp":{}}})",
                                     kUrl, kAudience, seconds(kNow + 1h));
    CHECK(must(vo.check(vo.rsa.sign(header("RS256", "r"), many))) == "user2@physics");
    CHECK(must(vo.check(vo.rsa.sign(header("RS256", "r"), claims("", "user2")))) == "user2@physics");
}

TEST_CASE("tokens that libscitokens makes are read, of both profiles") {
    TokenVo vo;
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    for (const TokenProfile profile : {TokenProfile::scitokens, TokenProfile::wlcg}) {
        TokenIssuer issuer = vo.issuer();
        issuer.profile = profile;
        vo.add(issuer);
        const std::string token = make_scitoken(vo.p256, "e", kUrl, kAudience, "248289761001", profile);
        CHECK(must(vo.check(token, now)) == "user1@physics");
        CHECK(vo.refusal(vo.p256.sign(header("ES256", "e"), claims())).starts_with("wrong profile"));
        CHECK(vo.refusal(token, now + 2h).contains("expired"));
    }
}

TEST_CASE("none, HS256 with the public key and every other algorithm are refused by name") {
    TokenVo vo;
    for (const char* signature : {"", "AA"})
        CHECK(vo.refusal(unsigned_token(header("none", "r"), claims()) + signature)
                  .contains("wrong algorithm: \"none\""));
    for (const char* odd : {"None", "nOnE", "NONE", "", "RS256 ", "rs256", "RS512", "PS256", "ES384", "EdDSA",
                            "HS256", "HS512"})
        CHECK(vo.refusal(vo.rsa.sign(header(odd, "r"), claims())).starts_with("wrong algorithm: \""));
    const std::string forged = hmac_token(header("HS256", "r"), claims(), vo.rsa.public_pem());
    CHECK(vo.refusal(forged).contains("\"HS256\" is not accepted"));
    CHECK(vo.refusal(vo.rsa.sign(R"({"alg":["RS256"]})", claims())).contains("alg"));
    CHECK(vo.refusal(vo.rsa.sign(R"({"kid":"r"})", claims())).contains("alg"));
}

TEST_CASE("a key is used for its own algorithm, and only a known one") {
    TokenVo vo;
    const TokenKey stranger = TokenKey::rsa(2048), other_p256 = TokenKey::p256();
    CHECK(vo.refusal(stranger.sign(header("RS256", "r"), claims())).starts_with("wrong signature"));
    CHECK(vo.refusal(other_p256.sign(header("ES256", "e"), claims())).starts_with("wrong signature"));
    CHECK(
        vo.refusal(stranger.sign(header("RS256", "x"), claims())).contains("(kid) is not among the 2 known"));
    CHECK(vo.refusal(vo.rsa.sign(header("RS256", "e"), claims()))
              .starts_with("wrong algorithm: the token says RS256"));
    CHECK(vo.refusal(vo.p256.sign(header("ES256", "r"), claims())).starts_with("wrong algorithm"));
    for (const char* kid : {"", "../../../../dev/null", "r' OR '1'='1", "R", "r\\u0000", "r\\n"})
        CHECK_FALSE(vo.check(vo.rsa.sign(header("RS256", kid), claims())));
    // a key that the token brings along is never looked at
    const std::string own = compose(
        R"({{"alg":"RS256","jwk":{},"jku":"https://evil.example/k","x5u":"https://e"}})", stranger.jwk("r"));
    CHECK(vo.refusal(stranger.sign(own, claims())).starts_with("wrong signature"));
    const std::string token = vo.rsa.sign(header("RS256", "r"), claims());
    const size_t dot = token.rfind('.');
    CHECK_FALSE(vo.check(token.substr(0, dot + 1)));
    CHECK_FALSE(vo.check(token.substr(0, dot + 1) + std::string(342, 'A')));
    CHECK_FALSE(vo.check(vo.p256.sign(header("ES256", "e"), claims()).substr(0, 40)));
}

TEST_CASE("ES256 signatures are two numbers side by side, within the group") {
    TokenVo vo;
    const std::string input = unsigned_token(header("ES256", "e"), claims());  // ends in the dot
    CHECK_FALSE(vo.check(input + encode_base64url(Bytes(64, 0x00))));
    CHECK_FALSE(vo.check(input + encode_base64url(Bytes(64, 0xff))));
    CHECK_FALSE(vo.check(input + encode_base64url(Bytes(63, 0x01))));
    CHECK_FALSE(vo.check(input + encode_base64url(vo.p256.der_signature(input.substr(0, input.size() - 1)))));
}

TEST_CASE("other issuers and audiences are refused by name") {
    TokenVo vo;
    const auto with_issuer = [](std::string_view iss) {
        return compose(R"({{"iss":{},"aud":"{}","sub":"248289761001","exp":{}}})", iss, kAudience,
                       seconds(kNow + 1h));
    };
    for (const char* iss : {"\"https://evil.example\"", "\"https://login.example.org/realms/science/\"",
                            "\"HTTPS://login.example.org/realms/science\"", "\"\"", "\"\\u0001\"",
                            "\"https://login.example.org/realms/sc\\u0456ence\""})
        CHECK(vo.refuse_claims(with_issuer(iss))
                  .starts_with("wrong issuer: the VO physics accepts no tokens by"));
    CHECK(vo.refuse_claims(with_issuer("[\"https://login.example.org/realms/science\"]")).contains("iss"));
    const auto with_audience = [](std::string_view aud) {
        return compose(R"({{"iss":"{}","aud":{},"sub":"248289761001","exp":{}}})", kUrl, aud,
                       seconds(kNow + 1h));
    };
    for (const char* aud : {"\"https://other.example.org\"", "\"\"", "[]", "[\"x\",\"y\"]",
                            "\"https://wlcg.cern.ch/jwt/v1/any\"", "[[\"https://authority.example.org\"]]",
                            "[\"https://authority.example.org/\"]", "\"https://AUTHORITY.example.org\""})
        CHECK(vo.refuse_claims(with_audience(aud)).starts_with("wrong audience"));
    CHECK(
        vo.refuse_claims(compose(R"({{"iss":"{}","sub":"248289761001","exp":{}}})", kUrl, seconds(kNow + 1h)))
            .starts_with("wrong audience: the token names none"));
    must(vo.authority->create_vo("chem", {}, kNow));
    CHECK(check_token(*vo.authority.authority, "chem", vo.rsa.sign(header("RS256", "r"), claims()), kNow)
              .error()
              .message.contains("the VO chem accepts no tokens by"));
}

TEST_CASE("expired, not yet valid and future tokens are refused with the size of the difference") {
    TokenVo vo;
    const std::string token = vo.rsa.sign(header("RS256", "r"), claims());  // an hour from kNow
    CHECK(vo.check(token, kNow + 1h + 59s));
    CHECK(vo.refusal(token, kNow + 1h + 60s).contains("expired 60 s ago, at 2026-11-05 01:00:00 UTC"));
    CHECK(vo.check(token, kNow - 60s));
    CHECK(vo.refusal(token, kNow - 61s).contains("was issued 61 s from now (60 s of difference are borne)"));
    const std::string later =
        vo.rsa.sign(header("RS256", "r"), claims(compose(R"(,"nbf":{})", seconds(kNow + 5min))));
    CHECK(vo.refusal(later).contains("not valid before 300 s from now"));
    CHECK(vo.check(later, kNow + 4min));
    CHECK(vo.refuse_claims(compose(R"({{"iss":"{}","aud":"{}","sub":"x"}})", kUrl, kAudience))
              .contains("no end"));
    for (const char* odd : {"-1", "\"9999999999\"", "1e300", "99999999999999999999", "null", "true", "1.5"})
        CHECK_FALSE(vo.check(vo.rsa.sign(
            header("RS256", "r"),
            compose(R"({{"iss":"{}","aud":"{}","sub":"user1","exp":{}}})", kUrl, kAudience, odd))));
}

TEST_CASE("a claim twice, a critical header, other parts and giants are refused") {
    TokenVo vo;
    CHECK_FALSE(vo.check(vo.rsa.sign(header("RS256", "r"), claims(R"(,"sub":"user2")"))));
    CHECK_FALSE(vo.check(vo.rsa.sign(header("RS256", "r"), claims(R"(,"\u0073ub":"user2")"))));
    CHECK_FALSE(vo.check(vo.rsa.sign(R"({"alg":"none","alg":"RS256"})", claims())));
    CHECK(vo.refusal(vo.rsa.sign(R"({"alg":"RS256","crit":["exp"]})", claims())).contains("crit"));
    CHECK(vo.refusal(vo.rsa.sign(R"({"alg":"RS256","typ":"logout+jwt"})", claims())).contains("typ"));
    CHECK(vo.refusal("a.b.c.d.e").contains("encrypted"));
    for (const char* odd : {"", ".", "..", "...", "a.b", "e30.e30.AA", "\xff.\xff.\xff"})
        CHECK_FALSE(vo.check(odd));
    const std::string token = vo.rsa.sign(header("RS256", "r"), claims());
    for (const std::string& odd : {token + "=", token + "\n", " " + token, token + ".", "Bearer " + token})
        CHECK_FALSE(vo.check(odd));
    CHECK(vo.refusal(token + std::string(kTokenMax, 'A')).contains("at most 16384 are allowed"));
    CHECK_FALSE(vo.check(vo.rsa.sign(header("RS256", "r"), "[" + claims() + "]")));
    std::string deep = R"(,"x":)";
    for (int i = 0; i < 40; ++i) deep += "[";
    for (int i = 0; i < 40; ++i) deep += "]";
    CHECK_FALSE(vo.check(vo.rsa.sign(header("RS256", "r"), claims(deep))));
}

TEST_CASE("nobody is guessed from a claim") {
    TokenVo vo;
    for (const char* sub :
         {"user9", "user1@chem", "USER1", "user1 ", "", "248289761001\\u0000", "us\\u0435r1",
          "user1@physics\\n", "\\ud800", "user1@physics@physics", "../user1", "2482897610010"})
        CHECK_FALSE(vo.check(vo.rsa.sign(header("RS256", "r"), claims("", sub))));
    CHECK(vo.refuse_claims(claims("", "user\\u001b[31m9")).contains("\"user?[31m9\""));
    CHECK(vo.refuse_claims(
                compose(R"({{"iss":"{}","aud":"{}","sub":7,"exp":{}}})", kUrl, kAudience, seconds(kNow + 1h)))
              .contains("does not say who it is for"));
    REQUIRE(vo.authority->set_suspended("user1@physics", true));
    CHECK(vo.refuse_claims(claims()).contains("user1@physics is suspended"));
    REQUIRE(vo.authority->remove_member("user1@physics"));
    CHECK(vo.refuse_claims(claims()).contains("no member of physics is known by sub \"248289761001\""));
    must(vo.authority->add_member("user1@physics", {}, {}));  // somebody else of that name
    CHECK(vo.refuse_claims(claims()).contains("no member"));
    vo.add(vo.issuer());
    CHECK(must(vo.check(vo.rsa.sign(header("RS256", "r"), claims()))) == "user1@physics");
}

TEST_CASE("issuers are added, replaced, listed and removed") {
    TokenVo vo;
    TokenIssuer issuer = vo.issuer();
    CHECK(must(vo.authority->list_issuers("physics")) == std::vector{issuer});
    issuer.claim = "preferred_username";
    CHECK_FALSE(must(vo.authority->add_issuer("physics", issuer)));
    CHECK(vo.refuse_claims(claims()).contains("preferred_username"));
    CHECK(must(vo.check(vo.rsa.sign(header("RS256", "r"), claims(R"(,"preferred_username":"user2")")))) ==
          "user2@physics");
    vo.authority.reopen();
    CHECK(must(vo.authority->list_issuers("physics")) == std::vector{issuer});
    CHECK(vo.authority->add_issuer("chem", issuer).error().code == Errc::not_found);
    for (const char* url : {"http://login.example.org", "login.example.org", "https://", "https://a b"}) {
        TokenIssuer odd = issuer;
        odd.url = url;
        CHECK(vo.authority->add_issuer("physics", odd).error().code == Errc::invalid);
        CHECK(vo.authority->remove_issuer("physics", url).error().code == Errc::invalid);
    }
    const uint64_t serial = must(vo.authority->show_vo("physics")).serial;
    REQUIRE(vo.authority->remove_issuer("physics", kUrl));
    CHECK(vo.authority->remove_issuer("physics", kUrl).error().code == Errc::not_found);
    CHECK(vo.refuse_claims(claims()).starts_with("wrong issuer"));
    CHECK(must(vo.authority->show_vo("physics")).serial == serial);
    CHECK_FALSE(vo.authority->bind_mappings("physics", {{"x", "user9@physics"}}));
    CHECK_FALSE(vo.authority->bind_mappings("physics", {{"x", "user1@chem"}}));
    CHECK_FALSE(vo.authority->bind_mappings("physics", {{"x", "user1"}}));
}

TEST_CASE("of the keys that are kept, the one that is used is checked, and before it is") {
    TokenVo vo;
    std::string unsound = TokenKey::rsa(2048).jwk("x");
    const size_t n = unsound.find(R"("n":")") + 5;
    unsound.replace(n, unsound.find('"', n) - n, encode_base64url(Bytes(256, 0xfe)));  // even
    TokenIssuer issuer = vo.issuer();
    issuer.jwks = jwk_set({unsound, vo.rsa.jwk("r"), vo.p256.jwk("e")});
    CHECK(vo.authority->add_issuer("physics", issuer).error().message.contains("not an RSA key"));
    // as one would lie there that an older version took
    const auto kept = must(vo.authority.registry->list("vo/physics/issuer/"));
    must(vo.authority.registry->put(kept.at(0).key, format_token_issuer(issuer), kept.at(0).revision));
    CHECK(must(vo.check(vo.rsa.sign(header("RS256", "r"), claims()))) == "user1@physics");
    CHECK(must(vo.check(vo.p256.sign(header("ES256", "e"), claims()))) == "user1@physics");
    CHECK(vo.refusal(vo.rsa.sign(header("RS256", "x"), claims())).contains("not an RSA key"));
}

TEST_CASE("weak, broken, secret and ambiguous key sets are refused") {
    const TokenKey p256 = TokenKey::p256(), rsa = TokenKey::rsa(2048);
    CHECK(must(JwkSet::parse(jwk_set({p256.jwk("a"), rsa.jwk("b")}))).size() == 2);
    CHECK(
        JwkSet::parse(jwk_set({TokenKey::rsa(1024).jwk("w")})).error().message.contains("1024 bits is weak"));
    CHECK(JwkSet::parse(jwk_set({p256.jwk("a"), rsa.jwk("a")})).error().message.contains("kid"));
    CHECK(JwkSet::parse(R"({"keys":[{"kty":"oct","k":"c2VjcmV0"}]})").error().message.contains("secret"));
    std::string secret = rsa.jwk("r");
    secret.insert(1, R"("d":"AQAB",)");
    CHECK(JwkSet::parse(jwk_set({secret})).error().message.contains("secret"));
    std::string enc = rsa.jwk("r");
    enc.insert(1, R"("use":"enc",)");
    CHECK(must(JwkSet::parse(jwk_set({enc, p256.jwk("a")}))).size() == 1);
    CHECK(JwkSet::parse(jwk_set({enc})).error().message.contains("no key"));
    const std::string off = encode_base64url(Bytes(32, 1));
    CHECK(JwkSet::parse(compose(R"({{"keys":[{{"kty":"EC","crv":"P-256","x":"{}","y":"{}"}}]}})", off, off))
              .error()
              .message.contains("no point"));
    const std::string n = encode_base64url(Bytes(256, 0xff));
    for (const char* e : {"Aw", "AQAC", "AQ", ""})
        CHECK_FALSE(JwkSet::parse(compose(R"({{"keys":[{{"kty":"RSA","n":"{}","e":"{}"}}]}})", n, e)));
    for (const char* odd : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[1]})", R"({"keys":[]})"})
        CHECK_FALSE(JwkSet::parse(odd));
}

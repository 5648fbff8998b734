#include "cda/token.h"

#include <algorithm>

#include "common/encoding.h"
#include "common/time_text.h"
#include "common/vo/records.h"

namespace xos {
namespace {

constexpr size_t kQuotedMax = 80;
constexpr size_t kTokenDepth = 8;
constexpr size_t kAudiencesMax = 64;

Outcome<Json> decode_json(std::string_view part, const char* what) {
    const auto bytes = decode_base64url(part);
    if (!bytes) return failure(Errc::invalid, "{}: not base64url without padding", what);
    auto json = Json::parse(as_text(*bytes), {.bytes = kTokenMax, .depth = kTokenDepth}, what);
    if (json && !json->root().is_object()) return json->root().invalid("expected an object");
    return json;
}

// Media types of tokens that speak of a person (RFC 8725, section 3.11): a logout token is none.
bool is_token_type(std::string_view type) {
    std::string lower(type);
    std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
    if (lower.starts_with("application/")) lower.erase(0, 12);
    return lower == "jwt" || lower == "at+jwt";
}

Outcome<std::optional<std::chrono::sys_seconds>> read_date(const JsonNode& claims, const char* name) {
    if (!claims.find(name)) return std::nullopt;
    const auto seconds = claims.integer(name, 0, kSerialMax);
    if (!seconds) return std::unexpected(seconds.error());
    return std::chrono::sys_seconds(std::chrono::seconds(*seconds));
}

std::string clock_advice(std::chrono::sys_seconds now) {
    return compose("by the clock here it is {}", format_time(now));
}

// later is in the future by more than clocks may differ: by how much stands in the message.
std::unexpected<Failure> too_early(const char* what, std::chrono::sys_seconds later,
                                   std::chrono::sys_seconds now) {
    return failure(Errc::denied, "{} {} s from now ({} s of difference are borne): {}; {}", what,
                   (later - now).count(), kTokenSkew.count(), clock_advice(now),
                   "if the token is fresh, one of the clocks is wrong by that much");
}

Outcome<void> check_dates(const JsonNode& claims, std::chrono::sys_seconds now) {
    const auto expiry = read_date(claims, "exp");
    if (!expiry) return std::unexpected(expiry.error());
    const auto start = read_date(claims, "nbf");
    if (!start) return std::unexpected(start.error());
    const auto issued = read_date(claims, "iat");
    if (!issued) return std::unexpected(issued.error());
    if (!*expiry) return failure(Errc::denied, "the token has no end (exp)");
    if (now >= **expiry + kTokenSkew)
        return failure(Errc::denied, "the token expired {} s ago, at {}: {}; get a new one",
                       (now - **expiry).count(), format_time(**expiry), clock_advice(now));
    if (*start && **start > now + kTokenSkew) return too_early("the token is not valid before", **start, now);
    if (*issued && **issued > now + kTokenSkew) return too_early("the token was issued", **issued, now);
    return {};
}

Outcome<void> check_audience(const JsonNode& claims, std::string_view wanted) {
    const auto audience = claims.find("aud");
    if (!audience) return failure(Errc::denied, "wrong audience: the token names none, expected {}", wanted);
    if (audience->is_string()) {
        const auto only = audience->text(kTokenMax);
        if (only && *only == wanted) return {};
        return failure(Errc::denied, "wrong audience: the token is for {}, expected {}",
                       quote_claim(only.value_or("")), wanted);
    }
    const auto count = audience->array(kAudiencesMax);
    if (!count) return std::unexpected(count.error());
    for (size_t i = 0; i < *count; ++i) {
        const JsonNode one = audience->at(i);
        if (one.is_string() && one.text(kTokenMax).value_or("") == wanted) return {};
    }
    return failure(Errc::denied, "wrong audience: {} is not among the {} that the token is for", wanted,
                   *count);
}

Outcome<void> check_profile(const JsonNode& claims, TokenProfile profile) {
    if (profile == TokenProfile::wlcg && !claims.text("wlcg.ver", 16).value_or("").starts_with("1."))
        return failure(Errc::denied, "wrong profile: expected a WLCG token, \"wlcg.ver\" 1.x");
    if (profile == TokenProfile::scitokens && claims.text("ver", 16).value_or("") != "scitoken:2.0")
        return failure(Errc::denied, "wrong profile: expected a SciToken, \"ver\" scitoken:2.0");
    return {};
}

}  // namespace

std::string quote_claim(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text.substr(0, kQuotedMax)) quoted += c >= ' ' && c <= '~' && c != '"' ? c : '?';
    return quoted + (text.size() > kQuotedMax ? "...\"" : "\"");
}

Outcome<void> Token::read_header(std::string_view text) {
    const auto json = decode_json(text, "token's header");
    if (!json) return std::unexpected(json.error());
    const JsonNode header = json->root();
    const auto name = header.text("alg", kTokenMax);
    if (!name) return std::unexpected(name.error());
    const auto algorithm = read_algorithm(*name);
    if (!algorithm)
        return failure(Errc::denied, "wrong algorithm: {} is not accepted, only RS256 and ES256 are",
                       quote_claim(*name));
    algorithm_ = *algorithm;
    for (const char* changes_meaning : {"crit", "b64", "zip", "enc"})
        if (header.find(changes_meaning))
            return header.invalid(
                compose("{}: not understood here, so the token is not read", changes_meaning));
    if (header.find("typ") && !is_token_type(header.text("typ", kTokenMax).value_or("")))
        return header.invalid("typ: expected JWT or at+jwt");
    if (!header.find("kid")) return {};
    auto kid = header.string("kid", kKeyIdMax);
    if (!kid) return std::unexpected(kid.error());
    kid_ = std::move(*kid);
    return {};
}

Outcome<Token> Token::parse(std::string_view text) {
    if (text.size() > kTokenMax)
        return failure(Errc::invalid, "the token has {} bytes, at most {} are allowed", text.size(),
                       kTokenMax);
    const auto dots = std::ranges::count(text, '.');
    if (dots == 4) return failure(Errc::invalid, "the token is encrypted (JWE): expected a signed one");
    if (dots != 2) return failure(Errc::invalid, "not a token: expected three parts joined by dots");
    const size_t first = text.find('.'), last = text.rfind('.');
    Token token;
    if (auto header = token.read_header(text.substr(0, first)); !header)
        return std::unexpected(header.error());
    auto claims = decode_json(text.substr(first + 1, last - first - 1), "token");
    if (!claims) return std::unexpected(claims.error());
    const auto signature = decode_base64url(text.substr(last + 1));
    if (!signature || signature->empty()) return failure(Errc::invalid, "the token has no signature");
    token.claims_ = std::move(*claims);
    const JsonNode root = token.claims_.root();
    auto issuer = root.string("iss", kTokenMax);
    if (!issuer) return std::unexpected(issuer.error());
    token.issuer_ = std::move(*issuer);
    token.signing_input_ = text.substr(0, last);
    token.signature_ = as_text(*signature);
    return token;
}

Outcome<std::string> Token::verify(const TokenIssuer& issuer, std::chrono::sys_seconds now) const {
    if (issuer_ != issuer.url)
        return failure(Errc::denied, "wrong issuer: the token is by {}, not by {}", quote_claim(issuer_),
                       issuer.url);
    const auto keys = JwkSet::read(issuer.jwks);
    if (!keys) return std::unexpected(keys.error());
    if (auto good = keys->verify(algorithm_, kid_, signing_input_, signature_); !good)
        return std::unexpected(good.error());
    const JsonNode claims = claims_.root();
    if (auto good = check_audience(claims, issuer.audience); !good) return std::unexpected(good.error());
    if (auto good = check_dates(claims, now); !good) return std::unexpected(good.error());
    if (auto good = check_profile(claims, issuer.profile); !good) return std::unexpected(good.error());
    const auto value = claims.text(issuer.claim.c_str(), kClaimValueMax);
    if (!value)
        return failure(Errc::denied,
                       "the token does not say who it is for: {} has to be a text of at most {} bytes",
                       issuer.claim, kClaimValueMax);
    return std::string(*value);
}

}  // namespace xos

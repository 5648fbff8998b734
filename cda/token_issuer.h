// An issuer of JSON web tokens that a VO accepts, and what its tokens have to say.
//
// Owns: the record, its limits, its JSON form. Pure. Process: xos-cda. Trusts: nothing; what is read has been
// checked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"
#include "common/json.h"

namespace xos {

inline constexpr size_t kIssuerUrlMax = 256;   // bytes; part of a registry key
inline constexpr size_t kAudienceMax = 256;    // bytes
inline constexpr size_t kClaimNameMax = 64;    // bytes
inline constexpr size_t kClaimValueMax = 256;  // bytes; RFC 7519 has no limit, OpenID Connect 255 for sub
inline constexpr size_t kClaimMapMax = 1024;   // entries
inline constexpr size_t kIssuersPerVoMax = 16;

// What tokens look like beyond RFC 7519. wlcg: "wlcg.ver" is 1.x (WLCG Common JWT Profiles); scitokens: "ver"
// is "scitoken:2.0" (SciTokens Claims and Scopes Language).
enum class TokenProfile : uint8_t { oidc, wlcg, scitokens };

// One person known by another name there. The member's id makes sure that who is later admitted under the
// same name does not inherit the mapping.
struct ClaimMapping {
    std::string value;
    std::string user;       // name without @vo
    std::string member_id;  // UUID

    bool operator==(const ClaimMapping&) const = default;
};

struct TokenIssuer {
    std::string url;       // exactly what "iss" says; is_https_url(), at most kIssuerUrlMax
    std::string audience;  // must be among "aud"
    std::string jwks;      // JSON, which JwkSet::parse() accepted when the issuer was added
    std::string claim = "sub";
    TokenProfile profile = TokenProfile::oidc;
    std::vector<ClaimMapping> mappings = {};  // values differ

    bool operator==(const TokenIssuer&) const = default;
};

Outcome<TokenProfile> read_profile(std::string_view name);
const char* profile_name(TokenProfile profile);

// Every rule, the keys' as well: for an issuer that is to be added.
Outcome<void> check_token_issuer(const TokenIssuer& issuer);
std::string format_token_issuer(const TokenIssuer& issuer);
// The keys are not looked at: JwkSet::verify() checks the one that it uses.
Outcome<TokenIssuer> parse_token_issuer(std::string_view json);

}  // namespace xos

// A JSON web token (RFC 7519) in its compact form, signed (RFC 7515).
//
// Owns: reading one, and the order in which it is checked. Pure apart from OpenSSL; time is handed in.
// Process: xos-cda. Trusts: the issuer's record that the caller chose; nothing in a token before its
// signature is checked, but for the issuer's name, which chooses that record.
//
// libscitokens, which makes the tokens of our tests, is not used here: it keeps keys in a database file that
// it renews from the issuer's web site when its own clock says so, bears no difference of clocks, and takes
// the last of two equal claims.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "cda/jwk_set.h"
#include "cda/token_issuer.h"
#include "common/failure.h"
#include "common/json.h"

namespace xos {

inline constexpr size_t kTokenMax = 16 * 1024;         // bytes
inline constexpr std::chrono::seconds kTokenSkew{60};  // difference of clocks that is borne

// The parts of a token, as yet unverified.
class Token {
  public:
    // Errc::denied: an algorithm other than RS256 and ES256, which is named. Errc::invalid: no such token,
    // with the reason: size, parts, a claim twice, a critical header.
    static Outcome<Token> parse(std::string_view text);

    const std::string& issuer() const { return issuer_; }

    // What issuer.claim of the token says, once algorithm, key, signature, issuer, audience, times and
    // profile hold. Errc::denied names what does not.
    Outcome<std::string> verify(const TokenIssuer& issuer, std::chrono::sys_seconds now) const;

  private:
    Token() = default;
    Outcome<void> read_header(std::string_view text);

    TokenAlgorithm algorithm_ = TokenAlgorithm::rs256;
    std::optional<std::string> kid_;
    std::string signing_input_, signature_, issuer_;
    Json claims_;
};

// Text from a token for a message: what is not printable becomes '?', and it is cut at 80 characters.
std::string quote_claim(std::string_view text);

}  // namespace xos

// The public keys of a token issuer: a JWK set (RFC 7517) as the manager handed it in.
//
// Owns: reading it, choosing a key, checking a signature with it. Pure apart from OpenSSL: no network, no
// file. Process: xos-cda. Trusts: the manager's word that these keys are the issuer's; every key is checked
// all the same before it is used.
//
// RS256 with RSA keys of 2,048..8,192 bits and ES256 with P-256 (RFC 7518, sections 3.3 and 3.4), nothing
// else. An algorithm belongs to a key's type here: a token can name one, but never choose how a key is used.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/credential/openssl_ptr.h"
#include "common/failure.h"
#include "common/json.h"

namespace xos {

inline constexpr size_t kJwksMax = 64 * 1024;  // bytes of JSON
inline constexpr size_t kJwksKeysMax = 32;
inline constexpr size_t kKeyIdMax = 256;  // bytes of a kid

enum class TokenAlgorithm : uint8_t { rs256, es256 };

// "RS256", "ES256"; nothing for every other word, none and HS256 among them.
std::optional<TokenAlgorithm> read_algorithm(std::string_view name);

class JwkSet {
  public:
    // Keys of other sorts and for encryption are passed over. Errc::invalid: not a JWK set, a private or
    // shared key in it, a broken or weak key, one kid twice, no key that can be used. Looking for primes in
    // every key takes long: for sets as they come in.
    static Outcome<JwkSet> parse(std::string_view text);
    // The same, but a broken or weak key is found when it is used.
    static Outcome<JwkSet> read(std::string_view text);

    // Whether signature is over signing_input by the key that kid names; where a token names none, by the
    // only key of that algorithm. Errc::denied says which of it was wrong; Errc::invalid: that key is broken.
    Outcome<void> verify(TokenAlgorithm algorithm, const std::optional<std::string>& kid,
                         std::string_view signing_input, std::string_view signature) const;

    size_t size() const { return keys_.size(); }

  private:
    struct Key {
        std::optional<std::string> kid;
        TokenAlgorithm algorithm;
        size_t index;  // in the set's list
    };

    Outcome<const Key*> choose(TokenAlgorithm algorithm, const std::optional<std::string>& kid) const;

    Outcome<PkeyPtr> make(const Key& key) const;  // checked

    Json json_;
    std::vector<Key> keys_;
};

}  // namespace xos

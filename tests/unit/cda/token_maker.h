// Makes tokens, sound ones and others, for tests.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "cda/token_issuer.h"
#include "common/credential/openssl_ptr.h"
#include "common/encoding.h"

namespace xos {

class TokenKey {
  public:
    static TokenKey rsa(unsigned bits);
    static TokenKey p256();

    std::string jwk(std::string_view kid) const;  // JSON, the public half
    std::string public_pem() const;
    std::string private_pem() const;
    Bytes der_signature(std::string_view input) const;
    // The token, signed by this key whatever the header says.
    std::string sign(std::string_view header, std::string_view claims) const;

  private:
    explicit TokenKey(PkeyPtr pkey) : pkey_(std::move(pkey)) {}
    PkeyPtr pkey_;
};

std::string header(std::string_view algorithm, std::string_view kid);
std::string jwk_set(const std::vector<std::string>& keys);
std::string unsigned_token(std::string_view header, std::string_view claims);  // ends in the second dot
std::string hmac_token(std::string_view header, std::string_view claims, std::string_view secret);
long long seconds(std::chrono::sys_seconds time);
// By libscitokens, valid for an hour from now by the clock.
std::string make_scitoken(const TokenKey& key, const char* kid, const char* issuer, const char* audience,
                          const char* subject, TokenProfile profile);

}  // namespace xos

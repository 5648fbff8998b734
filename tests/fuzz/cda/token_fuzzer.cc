// By the first byte. T: a token; none is by the keys that are drawn here, so none may speak for anybody. J: a
// JWK set, which is read or refused. C: header and claims, split by a newline, truly signed: what is accepted
// has this issuer and audience, and a claim of text.
#include <cstdlib>

#include "cda/token.h"
#include "tests/unit/cda/token_maker.h"
#include "tests/unit/vo/sample_vo.h"

using namespace xos;

namespace {

constexpr char kUrl[] = "https://login.example.org";

void check_signed(std::string_view text, const TokenKey& key, const TokenIssuer& issuer) {
    const size_t split = text.find('\n');
    if (split == std::string_view::npos) return;
    const auto token = Token::parse(key.sign(text.substr(0, split), text.substr(split + 1)));
    if (!token) return;
    const auto value = token->verify(issuer, kNow);
    if (!value) return;
    const std::string_view claims = text.substr(split + 1);
    if (token->issuer() != kUrl || value->size() > kClaimValueMax || !claims.contains("exp")) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const TokenKey key = TokenKey::p256(), unknown = TokenKey::p256();
    static const TokenIssuer other{.url = kUrl, .audience = "a", .jwks = jwk_set({unknown.jwk("e")})};
    static const TokenIssuer own{.url = kUrl, .audience = "a", .jwks = jwk_set({key.jwk("e")})};
    if (size == 0) return 0;
    const std::string_view text = as_text({data + 1, size - 1});
    if (data[0] == 'T')
        if (const auto token = Token::parse(text); token && token->verify(other, kNow)) std::abort();
    if (data[0] == 'J') (void)JwkSet::parse(text);
    if (data[0] == 'C') check_signed(text, key, own);
    return 0;
}

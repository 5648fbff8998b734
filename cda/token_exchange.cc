#include "cda/token_exchange.h"

#include <algorithm>

#include "cda/token.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

// A value that the manager mapped names that member; any other the one whose login or grid identity it is.
Outcome<std::string> find_user(Authority& authority, const TokenIssuer& issuer, std::string_view vo,
                               const std::string& value) {
    const auto mapping = std::ranges::find(issuer.mappings, value, &ClaimMapping::value);
    if (mapping != issuer.mappings.end()) return mapping->user;
    if (const auto login = parse_login_name(value); login && login->vo == vo) return std::string(login->user);
    if (is_user_name(value)) return value;
    if (!is_distinguished_name(value)) return std::string();
    const auto members = authority.list_members(vo);
    if (!members) return std::unexpected(members.error());
    std::string user;
    for (const Member& member : *members) {
        if (!std::ranges::contains(member.identities, value, &GridIdentity::subject)) continue;
        if (!user.empty())
            return failure(Errc::denied, "{} of the token, {}, is the name of several members", issuer.claim,
                           quote_claim(value));
        user = member.name;
    }
    return user;
}

// Who was admitted anew under a mapped name is another person.
bool is_mapped_member(const TokenIssuer& issuer, const std::string& value, const Member& member) {
    const auto mapping = std::ranges::find(issuer.mappings, value, &ClaimMapping::value);
    return mapping == issuer.mappings.end() || mapping->member_id == member.id;
}

}  // namespace

Outcome<std::string> check_token(Authority& authority, std::string_view vo, std::string_view text,
                                 std::chrono::sys_seconds now) {
    const auto token = Token::parse(text);
    if (!token) return std::unexpected(token.error());
    const auto issuer = authority.find_issuer(vo, token->issuer());
    if (!issuer) return std::unexpected(issuer.error());
    if (!*issuer)
        return failure(Errc::denied,
                       "wrong issuer: the VO {} accepts no tokens by {}; its manager may add the issuer", vo,
                       quote_claim(token->issuer()));
    const auto value = token->verify(**issuer, now);
    if (!value) return std::unexpected(value.error());
    const auto user = find_user(authority, **issuer, vo, *value);
    if (!user) return std::unexpected(user.error());
    const auto member = authority.find_member(vo, *user);
    if (!member) return std::unexpected(member.error());
    if (!*member || !is_mapped_member(**issuer, *value, **member))
        return failure(Errc::denied, "no member of {} is known by {} {} of {}: its manager may map it to one",
                       vo, (*issuer)->claim, quote_claim(*value), (*issuer)->url);
    const std::string login = compose("{}@{}", *user, vo);
    if ((*member)->suspended)
        return failure(Errc::denied, "{} is suspended: the manager of the VO lets it in again", login);
    return login;
}

}  // namespace xos

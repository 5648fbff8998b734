// Authority: the issuers of tokens that a VO accepts. They are the authority's own matter and no part of what
// nodes are told, so that a change does not move the content's serial.
#include <algorithm>

#include "cda/authority.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

std::string issuer_key(std::string_view vo, std::string_view url) {
    return compose("vo/{}/issuer/{}", vo, url);
}

Outcome<uint64_t> revision_of(Registry& registry, const std::string& key) {
    const auto kept = registry.get(key);
    if (!kept) return std::unexpected(kept.error());
    return *kept ? (*kept)->revision : 0;
}

}  // namespace

Outcome<std::optional<Member>> Authority::find_member(std::string_view vo, std::string_view user) {
    if (!is_user_name(user)) return std::nullopt;
    const auto identity = records_.read_vo(vo);
    if (!identity) return std::unexpected(identity.error());
    auto kept = records_.read_member(identity->record, user);
    if (!kept) return std::unexpected(kept.error());
    if (kept->revision == 0) return std::nullopt;
    return std::move(kept->value);
}

Outcome<std::vector<ClaimMapping>> Authority::bind_mappings(
    std::string_view vo, const std::vector<std::pair<std::string, std::string>>& wanted) {
    std::vector<ClaimMapping> mappings;
    for (const auto& [value, login] : wanted) {
        const auto name = parse_login_name(login);
        if (!name || name->vo != vo)
            return failure(Errc::invalid, "\"{}\" is no login name of {}: expected one such as user1@{}",
                           login, vo, vo);
        const auto member = find_member(vo, name->user);
        if (!member) return std::unexpected(member.error());
        if (!*member)
            return failure(Errc::not_found, "{} is no member: admit it with `member add {}`", login, login);
        mappings.push_back({value, (*member)->name, (*member)->id});
    }
    return mappings;
}

Outcome<bool> Authority::add_issuer(std::string_view vo, const TokenIssuer& issuer) {
    if (auto sound = check_token_issuer(issuer); !sound) return std::unexpected(sound.error());
    if (const auto identity = records_.read_vo(vo); !identity) return std::unexpected(identity.error());
    const auto present = list_issuers(vo);
    if (!present) return std::unexpected(present.error());
    const bool known = std::ranges::contains(*present, issuer.url, &TokenIssuer::url);
    if (!known && present->size() >= kIssuersPerVoMax)
        return failure(Errc::denied, "the VO {} has {} issuers of tokens already: remove one first", vo,
                       present->size());
    const std::string key = issuer_key(vo, issuer.url);
    const auto revision = revision_of(records_.registry(), key);
    if (!revision) return std::unexpected(revision.error());
    const auto done = records_.registry().put(key, format_token_issuer(issuer), *revision);
    if (!done) return std::unexpected(done.error());
    return !known;
}

Outcome<void> Authority::remove_issuer(std::string_view vo, std::string_view url) {
    if (!is_https_url(url) || url.size() > kIssuerUrlMax)
        return failure(Errc::invalid, "{} is no issuer: expected a URL of https of at most {} bytes",
                       url.substr(0, kIssuerUrlMax), kIssuerUrlMax);
    const auto present = find_issuer(vo, url);
    if (!present) return std::unexpected(present.error());
    if (!*present)
        return failure(Errc::not_found,
                       "the VO {} accepts no tokens by {}: `vo issuer list {}` names the issuers", vo, url,
                       vo);
    const std::string key = issuer_key(vo, url);
    const auto revision = revision_of(records_.registry(), key);
    if (!revision) return std::unexpected(revision.error());
    const auto done = records_.registry().erase(key, *revision);
    if (!done) return std::unexpected(done.error());
    return {};
}

Outcome<std::vector<TokenIssuer>> Authority::list_issuers(std::string_view vo) {
    if (const auto identity = records_.read_vo(vo); !identity) return std::unexpected(identity.error());
    const auto entries = records_.registry().list(issuer_key(vo, ""));
    if (!entries) return std::unexpected(entries.error());
    std::vector<TokenIssuer> issuers;
    for (const RegistryEntry& entry : *entries) {
        auto issuer = parse_token_issuer(entry.value);
        if (!issuer) return std::unexpected(issuer.error());
        issuers.push_back(std::move(*issuer));
    }
    return issuers;
}

Outcome<std::optional<TokenIssuer>> Authority::find_issuer(std::string_view vo, std::string_view url) {
    if (const auto identity = records_.read_vo(vo); !identity) return std::unexpected(identity.error());
    if (url.empty() || url.size() > kIssuerUrlMax || url.contains('\0')) return std::nullopt;
    const auto entry = records_.registry().get(issuer_key(vo, url));
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) return std::nullopt;
    auto issuer = parse_token_issuer((*entry)->value);
    if (!issuer) return std::unexpected(issuer.error());
    return std::move(*issuer);
}

}  // namespace xos

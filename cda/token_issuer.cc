#include "cda/token_issuer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "cda/jwk_set.h"
#include "common/first_failure.h"
#include "common/registry/registry.h"
#include "common/uuid.h"
#include "common/vo/records.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr std::array<std::pair<std::string_view, TokenProfile>, 3> kProfiles = {
    {{"oidc", TokenProfile::oidc}, {"wlcg", TokenProfile::wlcg}, {"scitokens", TokenProfile::scitokens}}};

bool is_printable(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

Outcome<ClaimMapping> read_mapping(const JsonNode& node) {
    ClaimMapping mapping;
    FirstFailure first;
    first.check(node.object({"value", "user", "member_id"}));
    first.take(mapping.value, node.string("value", kClaimValueMax));
    first.take(mapping.user, node.string("user", kUserNameMax));
    first.take(mapping.member_id, node.string("member_id", 36));
    if (first) return first.get();
    return mapping;
}

Outcome<std::vector<ClaimMapping>> read_mappings(const JsonNode& root) {
    const auto list = root.field("mappings");
    if (!list) return std::unexpected(list.error());
    const auto count = list->array(kClaimMapMax);
    if (!count) return std::unexpected(count.error());
    std::vector<ClaimMapping> mappings;
    for (size_t i = 0; i < *count; ++i) {
        auto mapping = read_mapping(list->at(i));
        if (!mapping) return std::unexpected(mapping.error());
        mappings.push_back(std::move(*mapping));
    }
    return mappings;
}

Outcome<void> check_mappings(const std::vector<ClaimMapping>& mappings) {
    if (mappings.size() > kClaimMapMax)
        return failure(Errc::invalid, "at most {} values of a claim can be mapped", kClaimMapMax);
    std::vector<std::string_view> values;
    for (const ClaimMapping& mapping : mappings) {
        if (!is_printable(mapping.value) || mapping.value.size() > kClaimValueMax)
            return failure(Errc::invalid,
                           "a mapped value of a claim: expected 1..{} printable ASCII characters",
                           kClaimValueMax);
        if (!is_user_name(mapping.user) || !is_uuid(mapping.member_id))
            return failure(Errc::invalid, "the value {} of a claim is mapped to no member's name",
                           mapping.value);
        values.push_back(mapping.value);
    }
    std::ranges::sort(values);
    if (const auto twice = std::ranges::adjacent_find(values); twice != values.end())
        return failure(Errc::invalid, "the value {} of a claim is mapped twice", *twice);
    return {};
}

// All but the keys.
Outcome<void> check_fields(const TokenIssuer& issuer) {
    if (!is_https_url(issuer.url) || issuer.url.size() > kIssuerUrlMax)
        return failure(Errc::invalid,
                       "{} is no issuer: expected a URL of https of at most {} bytes, as \"iss\" of "
                       "its tokens says",
                       issuer.url, kIssuerUrlMax);
    if (!is_printable(issuer.audience) || issuer.audience.size() > kAudienceMax)
        return failure(Errc::invalid, "--audience: expected 1..{} printable ASCII characters", kAudienceMax);
    if (!is_printable(issuer.claim) || issuer.claim.size() > kClaimNameMax)
        return failure(Errc::invalid, "--claim: expected 1..{} printable ASCII characters", kClaimNameMax);
    return check_mappings(issuer.mappings);
}

}  // namespace

Outcome<TokenProfile> read_profile(std::string_view name) {
    const auto found = std::ranges::find(kProfiles, name, &decltype(kProfiles)::value_type::first);
    if (found != kProfiles.end()) return found->second;
    return failure(Errc::invalid, "--profile {}: expected oidc, wlcg or scitokens", name);
}

const char* profile_name(TokenProfile profile) {
    return std::ranges::find(kProfiles, profile, &decltype(kProfiles)::value_type::second)->first.data();
}

Outcome<void> check_token_issuer(const TokenIssuer& issuer) {
    if (auto sound = check_fields(issuer); !sound) return sound;
    if (const auto keys = JwkSet::parse(issuer.jwks); !keys) return std::unexpected(keys.error());
    return {};
}

std::string format_token_issuer(const TokenIssuer& issuer) {
    JsonArray mappings;
    for (const ClaimMapping& mapping : issuer.mappings)
        mappings.add(JsonObject()
                         .set("value", Json::string(mapping.value))
                         .set("user", Json::string(mapping.user))
                         .set("member_id", Json::string(mapping.member_id))
                         .build());
    return JsonObject()
        .set("url", Json::string(issuer.url))
        .set("audience", Json::string(issuer.audience))
        .set("jwks", Json::string(issuer.jwks))
        .set("claim", Json::string(issuer.claim))
        .set("profile", Json::string(profile_name(issuer.profile)))
        .set("mappings", mappings.build())
        .build()
        .format();
}

Outcome<TokenIssuer> parse_token_issuer(std::string_view json) {
    const auto parsed = Json::parse(json, {.bytes = kRegistryValueMax}, "token issuer");
    if (!parsed) return std::unexpected(parsed.error());
    const JsonNode root = parsed->root();
    TokenIssuer issuer;
    std::string profile;
    FirstFailure first;
    first.check(root.object({"url", "audience", "jwks", "claim", "profile", "mappings"}));
    first.take(issuer.url, root.string("url", kIssuerUrlMax));
    first.take(issuer.audience, root.string("audience", kAudienceMax));
    first.take(issuer.jwks, root.string("jwks", kJwksMax));
    first.take(issuer.claim, root.string("claim", kClaimNameMax));
    first.take(profile, root.string("profile", 16));
    first.take(issuer.mappings, read_mappings(root));
    if (first) return first.get();
    const auto known = read_profile(profile);
    if (!known) return std::unexpected(known.error());
    issuer.profile = *known;
    if (auto sound = check_fields(issuer); !sound) return std::unexpected(sound.error());
    return issuer;
}

}  // namespace xos

#include "cda/issuer_commands.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cda/jwk_set.h"
#include "cda/whole_stream.h"

namespace xos {
namespace {

struct Arguments {
    std::string vo, url, audience;
    std::string claim = "sub", profile = "oidc";
    std::vector<std::string> mappings;  // VALUE=LOGIN
};

// A value may hold '=', a login name never does.
Outcome<std::vector<std::pair<std::string, std::string>>> split_mappings(
    const std::vector<std::string>& words) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const std::string& word : words) {
        const size_t equals = word.rfind('=');
        if (equals == std::string::npos || equals == 0)
            return failure(Errc::invalid,
                           "--map {}: expected VALUE=LOGIN, such as 248289761001=user1@physics", word);
        pairs.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    }
    return pairs;
}

Outcome<std::string> add_issuer(Authority& authority, const Arguments& arguments) {
    auto jwks = read_all(STDIN_FILENO, kJwksMax);
    if (!jwks) return std::unexpected(jwks.error());
    const auto keys = JwkSet::read(*jwks);
    if (!keys) return std::unexpected(keys.error());
    const auto profile = read_profile(arguments.profile);
    if (!profile) return std::unexpected(profile.error());
    const auto pairs = split_mappings(arguments.mappings);
    if (!pairs) return std::unexpected(pairs.error());
    auto mappings = authority.bind_mappings(arguments.vo, *pairs);
    if (!mappings) return std::unexpected(mappings.error());
    const TokenIssuer issuer{arguments.url,   arguments.audience, std::move(*jwks),
                             arguments.claim, *profile,           std::move(*mappings)};
    return authority.add_issuer(arguments.vo, issuer).transform([&](bool added) {
        return compose("tokens by {} are exchanged for credentials of {}{}: {} keys, {} values mapped\n",
                       issuer.url, arguments.vo, added ? "" : ", as newly told", keys->size(),
                       issuer.mappings.size());
    });
}

Outcome<std::string> remove_issuer(Authority& authority, const Arguments& arguments) {
    return authority.remove_issuer(arguments.vo, arguments.url).transform([&] {
        return compose("tokens by {} are worth nothing to {} any more\n", arguments.url, arguments.vo);
    });
}

std::string describe(std::string_view vo, const TokenIssuer& issuer) {
    const auto keys = JwkSet::read(issuer.jwks);
    std::string text =
        compose("{}\n  audience  {}\n  claim     {}\n  profile   {}\n  keys      {}\n", issuer.url,
                issuer.audience, issuer.claim, profile_name(issuer.profile), keys ? keys->size() : 0);
    for (const ClaimMapping& mapping : issuer.mappings)
        text += compose("  maps      {} to {}@{}\n", mapping.value, mapping.user, vo);
    return text;
}

Outcome<std::string> list_issuers(Authority& authority, const Arguments& arguments) {
    return authority.list_issuers(arguments.vo).transform([&](const std::vector<TokenIssuer>& issuers) {
        std::string text;
        for (const TokenIssuer& issuer : issuers) text += describe(arguments.vo, issuer);
        return text;
    });
}

}  // namespace

void declare_issuer_commands(CLI::App& vo, CommandLine& line) {
    const auto arguments = std::make_shared<Arguments>();
    CLI::App* const issuer =
        vo.add_subcommand("issuer", "who issues tokens that are exchanged for credentials")
            ->require_subcommand(1);
    const auto declare = [&](const char* name, const char* description, auto run) {
        CLI::App* const command = issuer->add_subcommand(name, description);
        command->add_option("VO", arguments->vo)->required();
        command->callback([this_line = &line, arguments, run] {
            this_line->run = [arguments, run](Authority& authority) { return run(authority, *arguments); };
        });
        return command;
    };
    CLI::App* const add =
        declare("add", "accept tokens by URL, signed by a key of the JWK set on standard input", add_issuer);
    add->add_option("URL", arguments->url)->required();
    add->add_option("--audience", arguments->audience, "whom the tokens have to be for")->required();
    add->add_option("--claim", arguments->claim, "what names the member (sub)");
    add->add_option("--profile", arguments->profile, "oidc, wlcg or scitokens (oidc)");
    add->add_option("--map", arguments->mappings, "VALUE=LOGIN: that value of the claim is this member")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    declare("remove", "accept tokens by URL no longer", remove_issuer)
        ->add_option("URL", arguments->url)
        ->required();
    declare("list", "the issuers that a VO accepts", list_issuers);
}

}  // namespace xos

// xos vo issuer: whose tokens a VO exchanges for credentials (at the authority).
#include <memory>

#include "cli/authority_program.h"
#include "cli/commands.h"

namespace xos {
namespace {

struct Options {
    std::string vo, url, audience, jwks, claim, profile;
    std::vector<std::string> mappings;
};

// The authority reads the keys from its standard input, which is opened here with the caller's rights.
AuthorityCall make_add_call(const Options& options) {
    AuthorityCall call{
        .words = {"vo", "issuer", "add", options.vo, options.url, "--audience=" + options.audience},
        .input = options.jwks == "-" ? "" : options.jwks,
        .output = {}};
    if (!options.claim.empty()) call.words.push_back("--claim=" + options.claim);
    if (!options.profile.empty()) call.words.push_back("--profile=" + options.profile);
    for (const std::string& mapping : options.mappings) call.words.push_back("--map=" + mapping);
    return call;
}

Outcome<int> run_add(const Options& options) {
    if (options.audience.empty() || options.jwks.empty())
        return failure(Errc::invalid,
                       "both --audience (whom the tokens are for) and --jwks (the issuer's public "
                       "keys) are needed");
    return run_authority(make_add_call(options));
}

}  // namespace

void add_issuer_commands(CommandTable& table) {
    const auto options = std::make_shared<Options>();
    table
        .add("vo issuer add", "Exchange tokens of an issuer for credentials (at the authority)",
             [options] { return run_add(*options); })
        .required("VO", options->vo, "")
        .required("URL", options->url, "the issuer, as \"iss\" of its tokens says")
        .option("--audience", options->audience, "whom the tokens have to be for; needed")
        .option("--jwks", options->jwks,
                "file of the issuer's public keys (JWK set), - for standard input; needed")
        .option("--claim", options->claim, "what in a token names the member; sub where absent")
        .option("--profile", options->profile, "oidc (where absent), wlcg or scitokens")
        .option("--map", options->mappings,
                "VALUE=LOGIN: that value of the claim is this member; may be repeated");
    table
        .add("vo issuer remove", "Exchange tokens of an issuer no longer (at the authority)",
             [options] {
                 return run_authority({{"vo", "issuer", "remove", options->vo, options->url}, {}, {}});
             })
        .required("VO", options->vo, "")
        .required("URL", options->url, "the issuer");
    table
        .add("vo issuer list", "List the issuers of tokens that a VO accepts (at the authority)",
             [options] { return run_authority({{"vo", "issuer", "list", options->vo}, {}, {}}); })
        .required("VO", options->vo, "");
}

}  // namespace xos

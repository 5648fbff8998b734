// xos token login: a JSON web token of another identity provider, exchanged for the VO's credential.
#include <memory>

#include "cli/commands.h"
#include "cli/credential_load.h"
#include "cli/input_file.h"
#include "cli/network_login.h"
#include "common/vo/member_request.h"

namespace xos {
namespace {

struct Options {
    std::string vo, token = "-", url, pin;
};

Outcome<std::string> read_token(const std::string& path) {
    auto token = read_input(path, kTokenTextMax);
    if (!token) return token;
    while (token->ends_with('\n') || token->ends_with(' ')) token->pop_back();
    if (token->empty()) return failure(Errc::invalid, "{} holds no token", path);
    return token;
}

// known: what this desk knows already.
Outcome<KnownAuthority> choose_authority(const std::optional<KnownAuthority>& known, const Options& options) {
    if (options.url.empty() && options.pin.empty()) {
        if (known) return *known;
        return failure(Errc::not_found,
                       "this desk does not know the authority of {} yet: name it with --url and --pin",
                       options.vo);
    }
    if (!is_https_url(options.url) || !is_key_fingerprint(options.pin))
        return failure(Errc::invalid,
                       "expected --url https://HOST:PORT and --pin SHA256:…, as the manager of {} tells them",
                       options.vo);
    return KnownAuthority{options.url, options.pin, ""};
}

Outcome<int> run(const Options& options) {
    if (!is_vo_name(options.vo)) return failure(Errc::invalid, "'{}' is no name of a VO", options.vo);
    const auto folder = UserFolder::open(options.vo);
    if (!folder) return std::unexpected(folder.error());
    const auto known = find_authority(*folder);
    if (!known) return std::unexpected(known.error());
    const auto authority = choose_authority(*known, options);
    if (!authority) return std::unexpected(authority.error());
    const auto token = read_token(options.token);
    if (!token) return std::unexpected(token.error());
    const auto login = ask_token_login(*authority, options.vo, *token);
    if (!login) return std::unexpected(login.error());
    const auto name = require_login_name(*login);
    if (!name) return std::unexpected(name.error());
    const auto key = load_or_make_user_key(*folder, name->user);
    if (!key) return std::unexpected(key.error());
    const auto issued = ask_token_credential(*authority, *login, *token, *key);
    if (!issued) return std::unexpected(issued.error());
    // at first contact the pin that was told says whose the record is; later that does the VO's key
    if (!*known && issued->record.record.authority_pin != authority->pin)
        return failure(Errc::denied,
                       "the signed record of {} pins another authority than the one that answered",
                       options.vo);
    if (auto accepted = accept_answer(*folder, *issued); !accepted) return std::unexpected(accepted.error());
    const auto view = load_credential(*folder, *login, *key, issued->chain_pem, true);
    if (!view) return std::unexpected(view.error());
    tell_login(*login, *view);
    return kExitOk;
}

}  // namespace

void add_token_commands(CommandTable& table) {
    const auto options = std::make_shared<Options>();
    table
        .add("token login", "Exchange a JSON web token for the VO's credential, and log in",
             [options] { return run(*options); })
        .required("VO", options->vo, "")
        .option("--token-file", options->token, "file with the token; - (the default) is standard input")
        .option("--url", options->url, "the VO's authority, where this desk does not know it yet")
        .option("--pin", options->pin, "its pin, as `xos-cda pin` prints it");
}

}  // namespace xos

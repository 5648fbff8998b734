// xos login: the credential of the day into the ssh agent.
#include <cstdio>
#include <memory>

#include "cli/authority_file.h"
#include "cli/commands.h"
#include "cli/credential_load.h"
#include "cli/input_file.h"
#include "cli/network_login.h"
#include "cli/proxy_login.h"

namespace xos {
namespace {

struct Options {
    std::string login;
    std::string credential;
    std::string proxy;
    bool renew = false;
};

// What is absent: the user's folder, key or credential.
Failure advise(const Failure& absent, const std::string& login) {
    if (absent.code != Errc::not_found) return absent;
    return {
        absent.code,
        compose(
            "{}; enrol with the code of the VO's manager: xos enroll URL CODE; or, without the network, have "
            "the manager certify the file that this makes: xos credential request {} -o FILE, then: "
            "xos login {} --credential ISSUED",
            absent.message, login, login)};
}

Outcome<std::string> choose_login() {
    const std::vector<std::string> logins = find_enrolled_logins();
    if (logins.size() == 1) return logins.front();
    if (logins.empty())
        return failure(
            Errc::not_found,
            "no VO knows this desk yet: enrol with the code of a VO's manager: xos enroll URL CODE");
    std::string names;
    for (const std::string& login : logins) names += " " + login;
    return failure(Errc::invalid, "which one? Say xos login with one of:{}", names);
}

// From the file that the authority made, from the authority itself, or from the last import.
Outcome<ObtainedChain> find_chain(const UserFolder& folder, const LoginName& name, const SigningKey& key,
                                  const Options& options) {
    if (!options.credential.empty())
        return read_input(options.credential, kCredentialMax).transform([](std::string chain) {
            return ObtainedChain{std::move(chain), true};
        });
    auto obtained = obtain_chain(folder, options.login, key, options.renew);
    const bool no_authority = !obtained && obtained.error().code == Errc::not_found;
    if (!no_authority || options.renew) return obtained;
    auto chain = folder.read(credential_name(name));
    if (!chain && chain.error().code == Errc::not_found)
        return failure(Errc::not_found, "there is no credential of {} here", options.login);
    if (!chain) return std::unexpected(chain.error());
    return ObtainedChain{std::move(*chain), false};
}

Outcome<int> run(Options options) {
    if (!options.proxy.empty() && options.login.empty())
        return failure(Errc::invalid, "whose proxy is it? Say xos login LOGIN --proxy {}", options.proxy);
    if (!options.proxy.empty()) return log_in_by_proxy(options.login, options.proxy);
    if (options.login.empty()) {
        auto chosen = choose_login();
        if (!chosen) return std::unexpected(chosen.error());
        options.login = std::move(*chosen);
    }
    const auto name = require_login_name(options.login);
    if (!name) return std::unexpected(name.error());
    const auto folder = UserFolder::find(name->vo);
    if (!folder) return std::unexpected(advise(folder.error(), options.login));
    const auto key = load_user_key(*folder, name->user);
    if (!key) return std::unexpected(advise(key.error(), options.login));
    const auto chain = find_chain(*folder, *name, *key, options);
    if (!chain) return std::unexpected(advise(chain.error(), options.login));
    const auto view = load_credential(*folder, options.login, *key, chain->chain_pem, chain->fresh);
    if (!view) return std::unexpected(view.error());
    tell_login(options.login, *view);
    return kExitOk;
}

}  // namespace

void add_login_command(CommandTable& table) {
    const auto options = std::make_shared<Options>();
    table
        .add("login", "Get the VO's credential of the day and load it into the ssh agent",
             [options] { return run(*options); })
        .optional("LOGIN", options->login, "user1@physics; may be absent where this desk is enrolled once")
        .option("--credential", options->credential,
                "a file that the VO's authority issued, in place of asking it")
        .option(
            "--proxy", options->proxy,
            "log in by the VOMS proxy in this file, as voms-proxy-init writes it, in place of a credential")
        .flag("--renew", options->renew, "ask for a new one although the old one lasts");
}

}  // namespace xos

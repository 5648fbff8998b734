// xos login: the credential of the day into the ssh agent.
#include <cstdio>
#include <memory>

#include "cli/agent_credentials.h"
#include "cli/commands.h"
#include "cli/credential_view.h"
#include "cli/input_file.h"
#include "cli/proxy_login.h"
#include "cli/ssh_config.h"
#include "cli/user_folder.h"
#include "common/ssh/ssh_cert.h"
#include "common/ssh/wrapped_credential.h"

namespace xos {
namespace {

struct Options {
    std::string login;
    std::string credential;
    std::string proxy;
};

std::string credential_name(const LoginName& name) {
    return std::string(name.user) + ".pem";
}

// The chain from the file that the authority made, or from the last import.
Outcome<std::string> read_chain(const UserFolder& folder, const LoginName& name, const Options& options) {
    if (!options.credential.empty()) return read_input(options.credential, kCredentialMax);
    auto chain = folder.read(credential_name(name));
    if (!chain && chain.error().code == Errc::not_found)
        return failure(
            Errc::not_found,
            "there is no credential of {} here; have the manager of {} certify the file that this makes: "
            "xos credential request {} -o FILE, then: xos login {} --credential ISSUED",
            options.login, name.vo, options.login, options.login);
    return chain;
}

// A credential that a node could accept: whole, in date, of this name. The CA is the chain's own, since a
// desk pins none: this finds mistakes; whom to believe is for the node to say.
Outcome<VerifiedCredential> check_chain(const std::string& chain_pem, const LoginName& name,
                                        const std::string& login) {
    const auto chain = split_pem_chain(chain_pem);
    if (!chain) return std::unexpected(chain.error());
    const auto view = read_credential(chain_pem);
    if (!view) return std::unexpected(view.error());
    if (login_name(view->attributes) != login)
        return failure(Errc::denied, "the credential is of {}, not of {}", login_name(view->attributes),
                       login);
    const auto now = current_time();
    if (now >= view->not_after || now < view->not_before)
        return failure(Errc::denied, "the credential of {} is valid from {} until {}, and now it is {}; {}",
                       login, local_time(view->not_before), local_time(view->not_after), local_time(now),
                       now >= view->not_after
                           ? "request a new one: xos credential request " + login + " -o FILE"
                           : "check the clock of this machine");
    return verify_chain(as_bytes(chain_pem), chain->back(), name.vo, now);
}

// What is absent: the user's folder or key.
Failure advise_request(const Failure& absent, const std::string& login) {
    if (absent.code != Errc::not_found) return absent;
    return {absent.code,
            compose("{}; make a key with: xos credential request {} -o FILE", absent.message, login)};
}

Outcome<std::string> seed_of(const SigningKey& key) {
    std::string seed(32, '\0');
    size_t size = seed.size();
    if (EVP_PKEY_get_raw_private_key(key.pkey(), reinterpret_cast<unsigned char*>(seed.data()), &size) != 1 ||
        size != 32)
        return failure(Errc::invalid, "the key is not an Ed25519 key");
    return seed;
}

// The new one first: a failure in between leaves the user with a working login.
Outcome<void> load_agent(const std::string& blob, const SigningKey& key, const std::string& login,
                         std::chrono::seconds lifetime) {
    auto agent = SshAgent::connect();
    if (!agent) return std::unexpected(agent.error());
    auto seed = seed_of(key);
    if (!seed) return std::unexpected(seed.error());
    const auto own = key.public_bytes();
    const auto added = agent->add(blob, *seed, as_text(own), login, lifetime);
    OPENSSL_cleanse(seed->data(), seed->size());
    if (!added) return added;
    const auto removed = remove_credentials(*agent, login, blob);
    if (!removed) return std::unexpected(removed.error());
    return {};
}

void tell(const std::string& login, const CredentialView& view, const std::string& include_line) {
    std::printf("Logged in as %s until %s.\nThe ssh agent holds the credential: ssh %s@HOST\n", login.c_str(),
                expiry_text(view, current_time()).c_str(), login.c_str());
    if (!include_line.empty())
        std::printf("So that ssh offers it alone, let this be the first line of ~/.ssh/config:\n  %s\n",
                    include_line.c_str());
}

Outcome<int> run(const Options& options) {
    if (!options.proxy.empty()) return log_in_by_proxy(options.login, options.proxy);
    const auto name = require_login_name(options.login);
    if (!name) return std::unexpected(name.error());
    const auto folder = UserFolder::find(name->vo);
    if (!folder) return std::unexpected(advise_request(folder.error(), options.login));
    const auto key = load_user_key(*folder, name->user);
    if (!key) return std::unexpected(advise_request(key.error(), options.login));
    const auto chain = read_chain(*folder, *name, options);
    if (!chain) return std::unexpected(chain.error());
    const auto credential = check_chain(*chain, *name, options.login);
    if (!credential) return std::unexpected(credential.error());
    const auto blob = wrap_credential(*credential, *chain, *key);
    if (!blob) return std::unexpected(blob.error());
    if (auto loaded = load_agent(*blob, *key, options.login, credential->not_after - current_time()); !loaded)
        return std::unexpected(loaded.error());
    if (!options.credential.empty())
        if (auto kept = folder->write(credential_name(*name), *chain, 0600); !kept)
            return std::unexpected(kept.error());
    const std::string line = ssh_cert_line(*blob, options.login);
    if (auto kept = folder->write(std::string(name->user) + "-cert.pub", line, 0600); !kept)
        return std::unexpected(kept.error());
    const auto config = update_ssh_config();
    if (!config) return std::unexpected(config.error());
    const auto view = read_credential(*chain);
    if (!view) return std::unexpected(view.error());
    tell(options.login, *view, missing_include_line(*config));
    return kExitOk;
}

}  // namespace

void add_login_command(CommandTable& table) {
    const auto options = std::make_shared<Options>();
    table.add("login", "Load a VO user's credential into the ssh agent", [options] { return run(*options); })
        .required("LOGIN", options->login, "user1@physics")
        .option("--credential", options->credential,
                "the credential that the VO's authority issued; the last one imported where absent")
        .option(
            "--proxy", options->proxy,
            "log in by the VOMS proxy in this file, as voms-proxy-init writes it, in place of a credential");
}

}  // namespace xos

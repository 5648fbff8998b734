#include "cli/credential_load.h"

#include <cstdio>

#include "cli/agent_credentials.h"
#include "cli/ssh_config.h"
#include "common/clock.h"
#include "common/ssh/ssh_cert.h"
#include "common/ssh/wrapped_credential.h"

namespace xos {
namespace {

// A credential that a node could accept: whole, in date, of this name. The CA is the chain's own.
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

}  // namespace

std::string credential_name(const LoginName& name) {
    return std::string(name.user) + ".pem";
}

Outcome<CredentialView> load_credential(const UserFolder& folder, const std::string& login,
                                        const SigningKey& key, const std::string& chain_pem, bool keep) {
    const auto name = require_login_name(login);
    if (!name) return std::unexpected(name.error());
    const auto credential = check_chain(chain_pem, *name, login);
    if (!credential) return std::unexpected(credential.error());
    const auto blob = wrap_credential(*credential, chain_pem, key);
    if (!blob) return std::unexpected(blob.error());
    if (auto loaded = load_agent(*blob, key, login, credential->not_after - current_time()); !loaded)
        return std::unexpected(loaded.error());
    if (keep)
        if (auto kept = folder.write(credential_name(*name), chain_pem, 0600); !kept)
            return std::unexpected(kept.error());
    const std::string line = ssh_cert_line(*blob, login);
    if (auto kept = folder.write(std::string(name->user) + "-cert.pub", line, 0600); !kept)
        return std::unexpected(kept.error());
    if (const auto config = update_ssh_config(); !config) return std::unexpected(config.error());
    return read_credential(chain_pem);
}

void tell_login(const std::string& login, const CredentialView& view) {
    std::printf("Logged in as %s until %s.\nThe ssh agent holds the credential: ssh %s@HOST\n", login.c_str(),
                expiry_text(view, current_time()).c_str(), login.c_str());
    const auto folder = UserFolder::open();
    const std::string line = folder ? missing_include_line(folder->path_of("ssh_config")) : "";
    if (!line.empty())
        std::printf("So that ssh offers it alone, let this be the first line of ~/.ssh/config:\n  %s\n",
                    line.c_str());
}

}  // namespace xos

// xos credential verify: does a credential hold, by the word of its VO?
#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/agent_credentials.h"
#include "cli/bundle_input.h"
#include "cli/commands.h"
#include "cli/credential_view.h"
#include "cli/input_file.h"
#include "common/clock.h"
#include "common/credential/proxy.h"
#include "common/ssh/ssh_cert.h"
#include "common/ssh/wrapped_credential.h"
#include "common/vo/bundle.h"
#include "common/voms/proxy_chain.h"
#include "libxos/names.h"

namespace xos {
namespace {

struct Options {
    std::string file;
    bool agent = false;
    std::string bundle, fingerprint;
};

// What a node asks of a credential as well, but for its policies.
Outcome<void> check_member(const Bundle& bundle, const VerifiedCredential& credential) {
    const XosAttributes& user = credential.attributes;
    const std::string login = login_name(user);
    if (bundle.vo.dissolved) return failure(Errc::denied, "the VO {} is dissolved", bundle.vo.name);
    const auto member = std::ranges::find(bundle.members, user.login, &Member::name);
    if (member == bundle.members.end()) return failure(Errc::denied, "{} is no member of the VO", login);
    if (member->id != user.user_id || member->number != user.number)
        return failure(Errc::denied, "the credential is of an earlier member of the name {}", login);
    if (member->suspended) return failure(Errc::denied, "{} is suspended", login);
    if (std::ranges::contains(bundle.revoked_serials, credential.serial) ||
        credential.not_before + kCredentialBackdate < member->credentials_from)
        return failure(Errc::denied, "the credential {} of {} is revoked", credential.serial, login);
    return {};
}

Outcome<void> verify(const Bundle& bundle, const std::string& chain) {
    if (is_voms_chain(chain))
        return failure(Errc::denied,
                       "a VOMS proxy is verified by the nodes that accept it, and by voms-verify");
    const auto now = current_time();
    const Bytes& ca = bundle.vo.ca_certificate;
    if (!is_proxy_chain(chain)) {
        const auto credential = verify_chain(as_bytes(chain), ca, bundle.vo.name, now);
        if (!credential) return std::unexpected(credential.error());
        return check_member(bundle, *credential);
    }
    const auto proxy = verify_proxy(chain, ca, bundle.vo.name, now);
    if (!proxy) return std::unexpected(proxy.error());
    if (std::ranges::contains(bundle.revoked_serials, proxy->serial))
        return failure(Errc::denied, "the proxy {} is revoked", proxy->serial);
    return check_member(bundle, proxy->parent);
}

Outcome<std::vector<std::string>> find_chains(const Options& options) {
    if (!options.agent) {
        auto text = read_input(options.file, kCredentialMax);
        if (!text) return std::unexpected(text.error());
        return std::vector<std::string>{std::move(*text)};
    }
    auto agent = SshAgent::connect();
    if (!agent) return std::unexpected(agent.error());
    const auto credentials = list_credentials(*agent);
    if (!credentials) return std::unexpected(credentials.error());
    std::vector<std::string> chains;
    for (const AgentCredential& credential : *credentials) {
        const auto cert = decode_ssh_cert(credential.blob);
        if (cert) chains.push_back(cert->chain_pem);
    }
    if (chains.empty()) return failure(Errc::not_found, "the ssh agent holds no credential");
    return chains;
}

Outcome<int> run(const Options& options) {
    if (options.agent == !options.file.empty())
        return failure(Errc::invalid, "verify what? a FILE, or --agent for those that the ssh agent holds");
    if (options.bundle.empty() || options.fingerprint.empty())
        return failure(
            Errc::invalid,
            "by whose word? --bundle FILE and --fingerprint SHA256:..., as the VO's manager tells it");
    const auto bytes = read_bundle(options.bundle);
    if (!bytes) return std::unexpected(bytes.error());
    const auto bundle = open_bundle(*bytes, options.fingerprint, current_time(), kClockSkew);
    if (!bundle) return failure(bundle.error().code, "{}: {}", options.bundle, bundle.error().message);
    const auto chains = find_chains(options);
    if (!chains) return std::unexpected(chains.error());
    int status = kExitOk;
    for (const std::string& chain : *chains) {
        const auto view = read_credential(chain);
        const std::string who = view && !view->grid ? login_name(view->attributes)
                                : options.agent     ? "a key of the ssh agent"
                                                    : options.file;
        const auto good = verify(*bundle, chain);
        if (good)
            std::printf("%s: valid until %s\n", who.c_str(), expiry_text(*view, current_time()).c_str());
        else
            std::printf("%s: not valid: %s\n", who.c_str(), good.error().message.c_str());
        if (!good) status = kExitFailure;
    }
    return status;
}

}  // namespace

void add_credential_verify_command(CommandTable& table) {
    const auto options = std::make_shared<Options>();
    table
        .add("credential verify", "Verify a credential by the bundle of its VO",
             [options] { return run(*options); })
        .optional("FILE", options->file, "the credential (PEM), or a proxy with it; - is standard input")
        .flag("--agent", options->agent, "those that the ssh agent holds, instead of a file")
        .option("--bundle", options->bundle, "the bundle of the VO; needed")
        .option("--fingerprint", options->fingerprint, "of the VO's key; needed");
}

}  // namespace xos

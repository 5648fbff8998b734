#include "cli/agent_credentials.h"

#include "common/ssh/ssh_cert.h"
#include "common/ssh/wrapped_credential.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

// A VOMS proxy knows no login name; the certificate around it has the one that its owner gave.
void name_by_certificate(CredentialView& view, const SshCert& cert) {
    const auto name = cert.principals.size() == 1 ? parse_login_name(cert.principals.front()) : std::nullopt;
    if (!name) return;
    view.attributes.login = name->user;
    view.attributes.vo = name->vo;
}

}  // namespace

Outcome<std::vector<AgentCredential>> list_credentials(SshAgent& agent) {
    auto identities = agent.list();
    if (!identities) return std::unexpected(identities.error());
    std::vector<AgentCredential> credentials;
    for (AgentIdentity& identity : *identities) {
        const auto cert = decode_ssh_cert(identity.blob);
        if (!cert) continue;
        auto view = read_credential(cert->chain_pem);
        if (view && view->grid) name_by_certificate(*view, *cert);
        if (view) credentials.push_back({std::move(identity.blob), std::move(*view)});
    }
    return credentials;
}

Outcome<std::vector<std::string>> remove_credentials(SshAgent& agent, std::string_view login,
                                                     std::string_view keep) {
    const auto credentials = list_credentials(agent);
    if (!credentials) return std::unexpected(credentials.error());
    std::vector<std::string> removed;
    for (const AgentCredential& credential : *credentials) {
        const std::string name = login_name(credential.view.attributes);
        if ((!login.empty() && name != login) || credential.blob == keep) continue;
        // expired between the list and now is as good as removed
        if (const auto done = agent.remove(credential.blob); !done && done.error().code != Errc::not_found)
            return std::unexpected(done.error());
        removed.push_back(name);
    }
    return removed;
}

}  // namespace xos

// xos whoami: as whom is the caller logged in to a VO, and for how long?
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "cli/agent_credentials.h"
#include "cli/commands.h"
#include "cli/credential_view.h"
#include "cli/delegated_credentials.h"
#include "cli/held_credentials.h"
#include "cli/session_credential.h"
#include "common/clock.h"

namespace xos {
namespace {

struct Held {
    CredentialView view;
    std::string by;
};

// In a session on a node those that are the node's doing: the session's, and what was delegated.
Outcome<std::vector<Held>> find_on_node() {
    std::vector<Held> held;
    const auto session = read_session_credential();
    if (!session && session.error().code != Errc::not_found) return std::unexpected(session.error());
    if (session) {
        auto view = read_credential(*session);
        if (!view) return std::unexpected(view.error());
        held.push_back({std::move(*view), "this session"});
    }
    if (getuid() == 0) return held;  // xosd tells root of everybody's
    auto delegated = list_delegated();
    if (!delegated) return std::unexpected(delegated.error());
    for (CredentialView& view : *delegated) held.push_back({std::move(view), "this node, delegated"});
    return held;
}

// At a desk those of the agent.
Outcome<std::vector<Held>> find_credentials() {
    auto on_node = find_on_node();
    if (!on_node || !on_node->empty()) return on_node;
    auto agent = SshAgent::connect();
    if (!agent) return std::unexpected(agent.error());
    auto credentials = list_credentials(*agent);
    if (!credentials) return std::unexpected(credentials.error());
    std::vector<Held> held;
    for (AgentCredential& credential : *credentials)
        held.push_back({std::move(credential.view), "ssh agent"});
    return held;
}

std::string shown(const std::vector<Held>& held, CredentialForm form) {
    const auto now = current_time();
    std::string text;
    JsonArray array;
    for (const Held& one : held) {
        text += form == CredentialForm::pem ? one.view.chain_pem : credential_text(one.view, one.by, now);
        array.add(credential_json(one.view, one.by, now));
    }
    return form == CredentialForm::json ? array.build().format_pretty() : text;
}

}  // namespace

Outcome<int> show_held_credentials(CredentialForm form) {
    const auto held = find_credentials();
    if (!held) return std::unexpected(held.error());
    if (held->empty() && form != CredentialForm::json)
        return failure(Errc::not_found,
                       "the ssh agent holds no credential of a VO; log in with: xos login USER@VO");
    std::fputs(shown(*held, form).c_str(), stdout);
    return held->empty() ? kExitFailure : kExitOk;
}

void add_whoami_command(CommandTable& table) {
    const auto json = std::make_shared<bool>(false);
    table
        .add("whoami", "Show the credentials in use: VO, groups, roles, expiry",
             [json] { return show_held_credentials(*json ? CredentialForm::json : CredentialForm::text); })
        .flag("--json", *json, "as JSON: an array; times are seconds since 1970");
}

}  // namespace xos

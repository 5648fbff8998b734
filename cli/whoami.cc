// xos whoami: as whom is the caller logged in to a VO, and for how long?
#include <cstdio>
#include <memory>

#include "cli/agent_credentials.h"
#include "cli/commands.h"
#include "cli/credential_view.h"
#include "cli/session_credential.h"

namespace xos {
namespace {

struct Held {
    CredentialView view;
    std::string by;
};

// In a session on a node there is one, made by the node; at a desk those of the agent.
Outcome<std::vector<Held>> find_credentials() {
    const auto session = read_session_credential();
    if (session) {
        auto view = read_credential(*session);
        if (!view) return std::unexpected(view.error());
        return std::vector<Held>{{std::move(*view), "this session"}};
    }
    if (session.error().code != Errc::not_found) return std::unexpected(session.error());
    auto agent = SshAgent::connect();
    if (!agent) return std::unexpected(agent.error());
    auto credentials = list_credentials(*agent);
    if (!credentials) return std::unexpected(credentials.error());
    std::vector<Held> held;
    for (AgentCredential& credential : *credentials)
        held.push_back({std::move(credential.view), "ssh agent"});
    return held;
}

std::string shown(const std::vector<Held>& held, bool json) {
    const auto now = current_time();
    std::string text;
    JsonArray array;
    for (const Held& one : held) {
        text += credential_text(one.view, one.by, now);
        array.add(credential_json(one.view, one.by, now));
    }
    return json ? array.build().format_pretty() : text;
}

Outcome<int> run(bool json) {
    const auto held = find_credentials();
    if (!held) return std::unexpected(held.error());
    if (held->empty() && !json)
        return failure(Errc::not_found,
                       "the ssh agent holds no credential of a VO; log in with: xos login USER@VO");
    std::fputs(shown(*held, json).c_str(), stdout);
    return held->empty() ? kExitFailure : kExitOk;
}

}  // namespace

void add_whoami_command(CommandTable& table) {
    const auto json = std::make_shared<bool>(false);
    table
        .add("whoami", "Show the credentials in use: VO, groups, roles, expiry",
             [json] { return run(*json); })
        .flag("--json", *json, "as JSON: an array; times are seconds since 1970");
}

}  // namespace xos

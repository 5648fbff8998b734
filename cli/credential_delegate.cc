// xos credential delegate: a credential for this node, certified through the forwarded ssh agent.
#include <pwd.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "cli/agent_credentials.h"
#include "cli/commands.h"
#include "cli/varlink_call.h"
#include "common/clock.h"
#include "common/encoding.h"
#include "common/policy/quantity.h"
#include "common/ssh/ssh_cert.h"
#include "common/ssh/wrapped_credential.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr size_t kDraftTextMax = 16 * 1024;  // of base64; a draft has some 500 bytes

Outcome<std::string> own_login() {
    const passwd* const entry = getpwuid(getuid());
    if (entry == nullptr || !parse_login_name(entry->pw_name))
        return failure(Errc::denied,
                       "you are no VO user here: delegate in a session on a node (ssh -A USER@VO@NODE)");
    return std::string(entry->pw_name);
}

// The caller's credential in the agent that lasts longest.
Outcome<AgentCredential> find_own(SshAgent& agent, const std::string& login) {
    auto credentials = list_credentials(agent);
    if (!credentials) return std::unexpected(credentials.error());
    AgentCredential* best = nullptr;
    for (AgentCredential& one : *credentials)
        if (!one.view.grid && login_name(one.view.attributes) == login &&
            (!best || one.view.not_after > best->view.not_after))
            best = &one;
    if (best) return std::move(*best);
    return failure(Errc::not_found,
                   "the forwarded ssh agent holds no credential of {}: at your desk, xos login {} and ssh -A",
                   login, login);
}

struct Draft {
    std::string serial;
    Bytes to_be_signed;
};

Outcome<Draft> ask_draft(const std::string& blob, const std::string& lifetime) {
    JsonObject parameters;
    parameters.set("certificate",
                   Json::string(std::string(kSshCertType) + " " + encode_base64(as_bytes(blob))));
    if (!lifetime.empty()) {
        const auto seconds = read_lifetime("--lifetime", lifetime);
        if (!seconds) return std::unexpected(seconds.error());
        parameters.set("lifetime", Json::integer(static_cast<uint64_t>(seconds->count())));
    }
    const auto answer = call_node("org.xtreemos.Credential.Delegate", parameters.build());
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto serial = root.string("serial", 40);
    if (!serial) return std::unexpected(serial.error());
    const auto text = root.text("toBeSigned", kDraftTextMax);
    if (!text) return std::unexpected(text.error());
    auto bytes = decode_base64(*text);
    if (!bytes) return root.invalid("toBeSigned: expected base64");
    return Draft{*serial, std::move(*bytes)};
}

Outcome<int> run(const std::string& lifetime) {
    const auto login = own_login();
    if (!login) return std::unexpected(login.error());
    auto agent = SshAgent::connect();
    if (!agent)
        return failure(agent.error().code,
                       "no ssh agent is forwarded into this session: log in with ssh -A, where "
                       "policy grants forward-agent ({})",
                       agent.error().message);
    const auto own = find_own(*agent, *login);
    if (!own) return std::unexpected(own.error());
    const auto draft = ask_draft(own->blob, lifetime);
    if (!draft) return std::unexpected(draft.error());
    const auto signature = agent->sign(own->blob, as_text(draft->to_be_signed));
    if (!signature) return std::unexpected(signature.error());
    const auto answer = call_node("org.xtreemos.Credential.Complete",
                                  JsonObject()
                                      .set("serial", Json::string(draft->serial))
                                      .set("signature", Json::string(encode_base64(as_bytes(*signature))))
                                      .build());
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto delegated = root.field("delegated");
    if (!delegated) return std::unexpected(delegated.error());
    const auto chain = delegated->string("chain", kCredentialMax);
    if (!chain) return std::unexpected(chain.error());
    const auto view = read_credential(*chain);
    if (!view) return std::unexpected(view.error());
    std::printf(
        "Delegated to this node as %s until %s.\nJobs can be submitted without a session's credential; end "
        "it with: xos credential destroy --delegated\n",
        login->c_str(), expiry_text(*view, current_time()).c_str());
    return kExitOk;
}

}  // namespace

void add_credential_delegate_command(CommandTable& table) {
    const auto lifetime = std::make_shared<std::string>();
    table
        .add("credential delegate", "Let this node act for you beyond your session",
             [lifetime] { return run(*lifetime); })
        .option("--lifetime", *lifetime,
                "how long: 12h (the default, and at most), 30m; never beyond the credential");
}

}  // namespace xos

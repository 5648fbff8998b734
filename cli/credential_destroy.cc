// xos credential destroy: no trace of a credential is left here.
#include <cstdio>
#include <memory>

#include "cli/agent_credentials.h"
#include "cli/commands.h"
#include "cli/ssh_config.h"
#include "cli/user_folder.h"
#include "cli/varlink_call.h"

namespace xos {
namespace {

struct Options {
    std::string login;
    bool key = false;
    bool delegated = false;
};

// Whether something was there.
Outcome<bool> destroy_files(const LoginName& name, bool key) {
    const auto folder = UserFolder::find(name.vo);
    if (!folder && folder.error().code == Errc::not_found) return false;
    if (!folder) return std::unexpected(folder.error());
    bool any = false;
    for (const char* ending : {".pem", "-cert.pub", ".key"}) {
        if (std::string_view(ending) == ".key" && !key) continue;
        const auto removed = folder->remove(std::string(name.user) + ending);
        if (!removed) return std::unexpected(removed.error());
        any = any || *removed;
    }
    return any;
}

// A desk without an agent may still hold files.
Outcome<bool> destroy_in_agent(const std::string& login) {
    auto agent = SshAgent::connect();
    if (!agent && agent.error().code == Errc::unavailable) return false;
    if (!agent) return std::unexpected(agent.error());
    const auto removed = remove_credentials(*agent, login);
    if (!removed) return std::unexpected(removed.error());
    return !removed->empty();
}

Outcome<int> destroy_delegated() {
    const auto answer = call_node("org.xtreemos.Credential.DestroyDelegated", JsonObject().build());
    if (!answer) return std::unexpected(answer.error());
    std::puts("This node acts for you no longer; the key is erased.");
    return kExitOk;
}

Outcome<int> run(const Options& options) {
    if (options.delegated && (options.key || !options.login.empty()))
        return failure(Errc::invalid, "--delegated stands alone: it is about this node, not about a desk");
    if (options.delegated) return destroy_delegated();
    if (options.login.empty())
        return failure(Errc::invalid, "whose credential? give a LOGIN such as user1@physics, or --delegated");
    const auto name = require_login_name(options.login);
    if (!name) return std::unexpected(name.error());
    const auto in_agent = destroy_in_agent(options.login);
    if (!in_agent) return std::unexpected(in_agent.error());
    const auto files = destroy_files(*name, options.key);
    if (!files) return std::unexpected(files.error());
    if (!*in_agent && !*files)
        return failure(Errc::not_found, "there is no credential of {} here", options.login);
    if (const auto config = update_ssh_config(); !config) return std::unexpected(config.error());
    std::printf(
        "Destroyed the credential of %s%s. Where it was copied to it still counts until it expires: the "
        "manager of the VO can revoke it.\n",
        options.login.c_str(), options.key ? " and its private key" : "; the private key is kept");
    return kExitOk;
}

}  // namespace

void add_credential_destroy_command(CommandTable& table) {
    const auto options = std::make_shared<Options>();
    table
        .add("credential destroy", "Remove a credential from the ssh agent and this user's files",
             [options] { return run(*options); })
        .optional("LOGIN", options->login, "user1@physics")
        .flag("--key", options->key, "its private key as well")
        .flag("--delegated", options->delegated, "instead: what was delegated to this node");
}

}  // namespace xos

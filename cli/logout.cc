// xos logout: the credentials out of the ssh agent again.
#include <cstdio>
#include <memory>

#include "cli/agent_credentials.h"
#include "cli/commands.h"
#include "cli/ssh_config.h"
#include "cli/user_folder.h"

namespace xos {
namespace {

Outcome<void> forget_certificate(const std::string& login) {
    const auto name = require_login_name(login);
    if (!name) return std::unexpected(name.error());
    const auto folder = UserFolder::open(name->vo);
    if (!folder) return std::unexpected(folder.error());
    const auto removed = folder->remove(std::string(name->user) + "-cert.pub");
    if (!removed) return std::unexpected(removed.error());
    return {};
}

Outcome<int> run(const std::string& login) {
    if (!login.empty())
        if (const auto name = require_login_name(login); !name) return std::unexpected(name.error());
    auto agent = SshAgent::connect();
    if (!agent) return std::unexpected(agent.error());
    const auto removed = remove_credentials(*agent, login);
    if (!removed) return std::unexpected(removed.error());
    if (removed->empty())
        return failure(Errc::not_found, "the ssh agent holds no credential{}",
                       login.empty() ? "" : " of " + login);
    for (const std::string& name : *removed) {
        if (auto done = forget_certificate(name); !done) return std::unexpected(done.error());
        std::printf("Logged out %s.\n", name.c_str());
    }
    if (const auto config = update_ssh_config(); !config) return std::unexpected(config.error());
    return kExitOk;
}

}  // namespace

void add_logout_command(CommandTable& table) {
    const auto login = std::make_shared<std::string>();
    table.add("logout", "Take credentials out of the ssh agent", [login] { return run(*login); })
        .optional("LOGIN", *login, "user1@physics; all of them where absent");
}

}  // namespace xos

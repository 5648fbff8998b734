#include <algorithm>

#include "libxos/login_name.h"
#include "libxos/names.h"
#include "xosd/control/interfaces.h"
#include "xosd/control/methods.h"
#include "xosd/daemon.h"

namespace xos {
namespace {

Outcome<ControlReply> status(const Daemon& daemon) {
    uint64_t accounts = 0;
    for (const auto& [name, vo] : daemon.trust->all()) accounts += vo->bundle.members.size();
    return ControlReply{JsonObject()
                            .set("version", Json::string(kVersion))
                            .set("vos", Json::integer(daemon.trust->all().size()))
                            .set("accounts", Json::integer(accounts))
                            .set("sessions", Json::integer(daemon.sessions->all().size()))
                            .build(),
                        {}};
}

Outcome<ControlReply> explain(const Daemon& daemon, const Json& parameters) {
    const JsonNode root = parameters.root();
    const auto login = root.string("login", kLoginNameMax);
    if (!login) return std::unexpected(login.error());
    const auto action = root.string("action", 64);
    if (!action) return std::unexpected(action.error());
    const auto found = std::ranges::find(kActionNames, *action);
    if (found == kActionNames.end())
        return failure(Errc::invalid, "'{}' is no action; man 5 xos-node.yaml", *action);
    const auto name = parse_login_name(*login);
    const TrustedVo* vo = name ? daemon.trust->find(name->vo) : nullptr;
    if (vo == nullptr) return failure(Errc::not_found, "{} is not of a VO that this node accepts", *login);
    const Member* member = vo->find_member(name->user);
    if (member == nullptr)
        return failure(Errc::not_found, "{} is not a member of VO {}", name->user, name->vo);
    const Decision decision =
        check_policy(*vo, daemon.config.policy, *member, static_cast<Action>(found - kActionNames.begin()));
    return ControlReply{JsonObject()
                            .set("permit", Json::boolean(decision.permit))
                            .set("reason", Json::string(decision.reason))
                            .build(),
                        {}};
}

}  // namespace

Outcome<void> bind_node_methods(ControlServer& server, Daemon& daemon) {
    if (auto added = server.add_interface(&xos_interface_node); !added) return added;
    auto bound =
        server.bind("org.xtreemos.Node.Status",
                    [&daemon](const Caller&, const Json&, Respond respond) { respond(status(daemon)); });
    if (!bound) return bound;
    bound = server.bind("org.xtreemos.Node.Explain",
                        [&daemon](const Caller&, const Json& parameters, Respond respond) {
                            respond(explain(daemon, parameters));
                        });
    if (!bound) return bound;
    return server.bind(
        "org.xtreemos.Node.Reload", [&daemon](const Caller& caller, const Json&, Respond respond) {
            if (caller.uid != 0)
                return respond(failure(Errc::denied, "only root may reload the configuration"));
            auto reloaded = daemon.reload();
            if (!reloaded) return respond(std::unexpected(reloaded.error()));
            respond(ControlReply{JsonObject().build(), {}});
        });
}

}  // namespace xos

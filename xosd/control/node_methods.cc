#include <algorithm>

#include "common/clock.h"
#include "common/policy/explanation.h"
#include "libxos/login_name.h"
#include "libxos/names.h"
#include "xosd/control/interfaces.h"
#include "xosd/control/methods.h"
#include "xosd/daemon.h"

namespace xos {
namespace {

constexpr uint64_t kTimeMax = 253402300799;  // the end of the year 9999

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

// The circumstances of a question: this node and now, or another node of the VO and another time.
struct Question {
    std::string node;
    NodeAttributes attributes;
    std::chrono::sys_seconds time;
};

Outcome<Question> read_question(const Daemon& daemon, const TrustedVo& vo, const JsonNode& root) {
    Question question{daemon.config.name, daemon.config.attributes, current_time()};
    if (root.find("at")) {
        const auto at = root.integer("at", 0, kTimeMax);
        if (!at) return std::unexpected(at.error());
        question.time = std::chrono::sys_seconds(std::chrono::seconds(*at));
    }
    if (!root.find("node")) return question;
    const auto name = root.string("node", kHostNameMax);
    if (!name) return std::unexpected(name.error());
    if (*name == daemon.config.name) return question;
    const auto found = std::ranges::find(vo.bundle.nodes, *name, &NodeRecord::name);
    if (found == vo.bundle.nodes.end())
        return failure(Errc::not_found, "{} is no node of VO {} that its bundle tells of", *name,
                       vo.bundle.vo.name);
    question.node = found->name;
    question.attributes = found->attributes;
    return question;
}

Outcome<ControlReply> explain_decision(const Daemon& daemon, const Json& parameters) {
    const JsonNode root = parameters.root();
    const auto login = root.string("login", kLoginNameMax);
    if (!login) return std::unexpected(login.error());
    const auto action = root.string("action", 64);
    if (!action) return std::unexpected(action.error());
    const auto asked = parse_action(*action);
    if (!asked) return failure(Errc::invalid, "'{}' is no action; man 5 xos-policy", *action);
    const auto name = parse_login_name(*login);
    const TrustedVo* vo = name ? daemon.trust->find(name->vo) : nullptr;
    if (vo == nullptr) return failure(Errc::not_found, "{} is not of a VO that this node accepts", *login);
    if (vo->bundle.vo.dissolved)
        return failure(Errc::denied, "VO {} was dissolved by its manager: nobody is a member of it",
                       name->vo);
    const Member* member = vo->find_member(name->user);
    if (member == nullptr)
        return failure(Errc::not_found, "{} is not a member of VO {}", name->user, name->vo);
    const auto question = read_question(daemon, *vo, root);
    if (!question) return std::unexpected(question.error());
    const Policy policies[] = {vo->policy, daemon.config.policy};
    const Explanation explanation =
        explain(policies, subject_of(*vo, *member), *asked,
                {question->node, question->attributes.site, question->attributes.tags, question->time});
    return ControlReply{JsonObject()
                            .set("permit", Json::boolean(explanation.permit))
                            .set("reason", Json::string(explanation.reason))
                            .set("rules", Json::strings(explanation.rules))
                            .set("limits", Json::string(format_limits(explanation.limits)))
                            .build(),
                        {}};
}

ControlReply describe_node(const Daemon& daemon) {
    const NodeAttributes& attributes = daemon.config.attributes;
    return ControlReply{JsonObject()
                            .set("name", Json::string(daemon.config.name))
                            .set("site", Json::string(attributes.site))
                            .set("tags", Json::strings(attributes.tags))
                            .set("cpus", Json::integer(attributes.cpus))
                            .set("memory", Json::integer(attributes.memory))
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
                            respond(explain_decision(daemon, parameters));
                        });
    if (!bound) return bound;
    bound = server.bind("org.xtreemos.Node.Identify", [&daemon](const Caller&, const Json&, Respond respond) {
        respond(describe_node(daemon));
    });
    if (!bound) return bound;
    return server.bind(
        "org.xtreemos.Node.Reload", [&daemon](const Caller& caller, const Json&, Respond respond) {
            if (caller.uid != 0)
                return respond(failure(Errc::denied, "only root may reload the configuration"));
            daemon.reload([respond](const Outcome<void>& reloaded) {
                if (!reloaded) return respond(std::unexpected(reloaded.error()));
                respond(ControlReply{JsonObject().build(), {}});
            });
        });
}

}  // namespace xos

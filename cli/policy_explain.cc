// xos policy explain: what policies say of somebody's action, by this node's xosd or by files.
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/policy_input.h"
#include "cli/varlink_call.h"
#include "common/policy/explanation.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr size_t kLinesMax = 65536;
constexpr size_t kLineMax = 4096;

struct ExplainWords {
    std::string login, action, node, site, at;
    std::vector<std::string> policies, groups, roles, tags;
};

int show(const Explanation& explanation) {
    std::printf("%s: %s\n", explanation.permit ? "permitted" : "denied", explanation.reason.c_str());
    for (const std::string& rule : explanation.rules) std::printf("  %s\n", rule.c_str());
    return explanation.permit ? kExitOk : kExitFailure;
}

Outcome<int> explain_by_files(const ExplainWords& words) {
    const auto name = parse_login_name(words.login);
    if (!name) return failure(Errc::invalid, "'{}' is no login name; expected user1@physics", words.login);
    const auto action = parse_action(words.action);
    if (!action) return failure(Errc::invalid, "'{}' is no action; man 5 xos-policy", words.action);
    const auto time = read_moment(words.at, "--at");
    if (!time) return std::unexpected(time.error());
    std::vector<Policy> policies;
    for (const std::string& path : words.policies) {
        auto policy = load_policy(path);
        if (!policy) return std::unexpected(policy.error());
        policies.push_back(*policy);
    }
    const Explanation explanation = explain(policies, {name->vo, name->user, words.groups, words.roles},
                                            *action, {words.node, words.site, words.tags, *time});
    const int status = show(explanation);
    if (explanation.permit) std::printf("limits: %s\n", format_limits(explanation.limits).c_str());
    return status;
}

Outcome<int> explain_by_node(const ExplainWords& words) {
    if (!words.groups.empty() || !words.roles.empty() || !words.site.empty() || !words.tags.empty())
        return failure(
            Errc::invalid,
            "--group, --role, --site and --tag need --policy: a node knows its members and itself");
    JsonObject question;
    question.set("login", Json::string(words.login)).set("action", Json::string(words.action));
    if (!words.node.empty()) question.set("node", Json::string(words.node));
    if (!words.at.empty()) {
        const auto time = read_moment(words.at, "--at");
        if (!time) return std::unexpected(time.error());
        question.set("at", Json::integer(static_cast<uint64_t>(time->time_since_epoch().count())));
    }
    const auto answer = call_node("org.xtreemos.Node.Explain", question.build());
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto permit = root.boolean("permit");
    const auto reason = root.string("reason", kLineMax), limits = root.string("limits", kLineMax);
    const auto rules = root.field("rules");
    const auto count = rules ? rules->array(kLinesMax) : Outcome<size_t>(std::unexpected(rules.error()));
    if (!permit || !reason || !limits || !count)
        return failure(Errc::invalid, "xosd's answer is not understood: is it of another version than xos?");
    Explanation explanation{*permit, *reason, {}, {}};
    for (size_t i = 0; i < *count; ++i) {
        auto line = rules->at(i).string(kLineMax);
        if (!line) return std::unexpected(line.error());
        explanation.rules.push_back(*std::move(line));
    }
    const int status = show(explanation);
    if (*permit) std::printf("limits: %s\n", limits->c_str());
    return status;
}

}  // namespace

void add_policy_explain_command(CommandTable& table) {
    const auto words = std::make_shared<ExplainWords>();
    table
        .add("policy explain", "What policies say of a user's action, and which rules decide",
             [words] { return words->policies.empty() ? explain_by_node(*words) : explain_by_files(*words); })
        .required("LOGIN", words->login, "")
        .required("ACTION", words->action, "")
        .option("--node", words->node, "on another node of the VO")
        .option("--at", words->at, "at another time (UTC)")
        .option("--policy", words->policies, "by this file and not by xosd; may be repeated, all must allow")
        .option("--group", words->groups, "with --policy: a group of the user; may be repeated")
        .option("--role", words->roles, "with --policy: a role of the user; may be repeated")
        .option("--site", words->site, "with --policy: the node's site")
        .option("--tag", words->tags, "with --policy: a tag of the node; may be repeated");
}

}  // namespace xos

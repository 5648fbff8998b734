#include "common/policy/policy_file.h"

#include <algorithm>

#include "common/json.h"
#include "common/yaml_reader.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr size_t kRulesMax = 4096;
constexpr size_t kReasonMax = 200;

std::string action_words() {
    std::string words = "all";
    for (const std::string_view name : kActionNames) words += ", " + std::string(name);
    return words;
}

Outcome<uint32_t> read_actions(std::string_view file, const YAML::Node& node) {
    auto words = read_strings(file, node);
    if (!words) return std::unexpected(words.error());
    uint32_t actions = 0;
    for (const std::string& word : *words) {
        if (word == "all") {
            actions = (1u << kActionNames.size()) - 1;
            continue;
        }
        const auto found = std::ranges::find(kActionNames, word);
        if (found == kActionNames.end())
            return yaml_failure(file, node, compose("actions of: {}; '{}' is none", action_words(), word));
        actions |= 1u << (found - kActionNames.begin());
    }
    if (actions == 0) return yaml_failure(file, node, "at least one action of: " + action_words());
    return actions;
}

bool is_plain_or_full_name(std::string_view word) {
    return word.find('@') == std::string_view::npos ? is_user_name(word) : parse_login_name(word).has_value();
}

// node is the rule's map; key may be absent. what says the grammar in the message.
Outcome<std::vector<std::string>> read_names(std::string_view file, const YAML::Node& rule, const char* key,
                                             bool (*valid)(std::string_view), std::string_view what) {
    const YAML::Node node = rule[key];
    if (!node) return std::vector<std::string>{};
    auto names = read_strings(file, node);
    if (!names) return names;
    if (names->empty()) return yaml_failure(file, node, compose("{} after '{}'", what, key));
    for (const std::string& name : *names)
        if (!valid(name))
            return yaml_failure(file, node, compose("{} after '{}'; '{}' is none", what, key, name));
    return names;
}

Outcome<Rule> read_rule(std::string_view file, const YAML::Node& node) {
    if (auto keys = check_keys(file, node, {"allow", "deny", "vo", "user", "group", "role", "reason"}); !keys)
        return std::unexpected(keys.error());
    const YAML::Node allow = node["allow"], deny = node["deny"];
    if (static_cast<bool>(allow) == static_cast<bool>(deny))
        return yaml_failure(file, node, "exactly one of 'allow' and 'deny' in a rule");
    Rule rule;
    rule.allow = static_cast<bool>(allow);
    rule.line = yaml_line(node);
    auto actions = read_actions(file, allow ? allow : deny);
    if (!actions) return std::unexpected(actions.error());
    rule.actions = *actions;
    struct {
        const char* key;
        std::vector<std::string>* into;
        bool (*valid)(std::string_view);
        std::string_view what;
    } const lists[] = {
        {"vo", &rule.vos, [](std::string_view s) { return is_vo_name(s); }, "a VO name"},
        {"user", &rule.users, is_plain_or_full_name, "a user name (user1 or user1@vo)"},
        {"group", &rule.groups, is_plain_or_full_name, "a group name (group or group@vo)"},
        {"role", &rule.roles, is_plain_or_full_name, "a role name (role or role@vo)"},
    };
    for (const auto& list : lists) {
        auto names = read_names(file, node, list.key, list.valid, list.what);
        if (!names) return std::unexpected(names.error());
        *list.into = *std::move(names);
    }
    if (const YAML::Node reason = node["reason"]) {
        auto text = read_string(file, reason);
        if (!text) return std::unexpected(text.error());
        if (text->size() > kReasonMax) return yaml_failure(file, reason, "a reason of at most 200 bytes");
        rule.reason = *std::move(text);
    }
    return rule;
}

}  // namespace

Outcome<Policy> read_policy(std::string_view file, const YAML::Node& list, std::string_view source) {
    Policy policy{std::string(source), {}};
    if (!list || list.IsNull()) return policy;
    if (!list.IsSequence())
        return yaml_failure(file, list, "a list of rules, each beginning '- allow:' or '- deny:'");
    if (list.size() > kRulesMax) return yaml_failure(file, list, "at most 4096 rules");
    for (const auto& item : list) {
        auto rule = read_rule(file, item);
        if (!rule) return std::unexpected(rule.error());
        policy.rules.push_back(*std::move(rule));
    }
    return policy;
}

Outcome<Policy> parse_policy(std::string_view text, std::string_view source) {
    auto node = parse_yaml(text, source);
    if (!node) return std::unexpected(node.error());
    return read_policy(source, *node, source);
}

std::string format_policy(const Policy& policy) {
    JsonArray rules;
    for (const Rule& rule : policy.rules) {
        std::vector<std::string> actions;
        for (size_t i = 0; i < kActionNames.size(); ++i)
            if ((rule.actions & (1u << i)) != 0) actions.emplace_back(kActionNames[i]);
        JsonObject object;
        object.set(rule.allow ? "allow" : "deny", Json::strings(actions));
        if (!rule.vos.empty()) object.set("vo", Json::strings(rule.vos));
        if (!rule.users.empty()) object.set("user", Json::strings(rule.users));
        if (!rule.groups.empty()) object.set("group", Json::strings(rule.groups));
        if (!rule.roles.empty()) object.set("role", Json::strings(rule.roles));
        if (!rule.reason.empty()) object.set("reason", Json::string(rule.reason));
        rules.add(object.build());
    }
    return rules.build().format();
}

}  // namespace xos

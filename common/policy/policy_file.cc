#include "common/policy/policy_file.h"

#include "common/json.h"
#include "common/policy/rule_reader.h"
#include "common/yaml_reader.h"

namespace xos {
namespace {

constexpr int kDepthMax = 12;  // as kPolicyDepth of common/vo/records.h

Outcome<Policy> read_rules(std::string_view file, const PolicyText& list, std::string_view source) {
    std::vector<Rule> rules;
    if (list.kind != PolicyText::Kind::list)
        return PolicyPlace{file}.expected(list, "a list of rules, each beginning '- allow:' or '- deny:'");
    if (list.items.size() > kRulesMax)
        return PolicyPlace{file}.expected(list, compose("at most {} rules", kRulesMax));
    size_t names = 0;
    for (const PolicyText& item : list.items) {
        auto rule = read_rule({file, rules.size() + 1}, item);
        if (!rule) return std::unexpected(rule.error());
        names += count_names(*rule);
        if (names > kRuleNamesMax)
            return PolicyPlace{file, rules.size() + 1}.expected(
                item, compose("at most {} names in all rules together: use groups", kRuleNamesMax));
        rules.push_back(*std::move(rule));
    }
    return Policy(std::string(source), std::move(rules));
}

}  // namespace

Outcome<Policy> read_policy(std::string_view file, const YAML::Node& list, std::string_view source) {
    if (!list || list.IsNull()) return Policy(std::string(source));
    return read_rules(file, convert(list), source);
}

Outcome<Policy> parse_policy(std::string_view text, std::string_view source) {
    auto node = parse_yaml(text, source, kPolicyTextMax);
    if (!node) return std::unexpected(node.error());
    return read_policy(source, *node, source);
}

std::string format_policy(const Policy& policy) {
    JsonArray rules;
    for (const Rule& rule : policy.rules()) rules.add(write_rule(rule));
    return rules.build().format();
}

Outcome<Policy> parse_compact_policy(std::string_view json, std::string_view source) {
    const auto parsed = Json::parse(json, {.bytes = kPolicyTextMax, .depth = kDepthMax}, "policy");
    if (!parsed) return failure(Errc::invalid, "{}: {}", source, parsed.error().message);
    const auto list = convert(parsed->root());
    if (!list) return failure(Errc::invalid, "{}: {}", source, list.error().message);
    return read_rules(source, *list, source);
}

}  // namespace xos

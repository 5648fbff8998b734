#include "common/policy/rule.h"

#include <algorithm>
#include <compare>

namespace xos {
namespace {

using Names = std::vector<std::string>;

enum Condition : uint8_t {
    kVo = 1 << 0,
    kUser = 1 << 1,
    kGroup = 1 << 2,
    kRole = 1 << 3,
    kNode = 1 << 4,
    kSite = 1 << 5,
    kTag = 1 << 6,
    kWhen = 1 << 7
};
constexpr uint8_t kPlace = kNode | kSite | kTag;
struct ConditionList {
    Condition bit;
    Names Rule::* names;
};
constexpr ConditionList kLists[] = {{kVo, &Rule::vos},     {kUser, &Rule::users}, {kGroup, &Rule::groups},
                                    {kRole, &Rule::roles}, {kNode, &Rule::nodes}, {kSite, &Rule::sites},
                                    {kTag, &Rule::tags}};

// pattern against NAME@VO, without making that string; as std::string would compare.
int compare_full(std::string_view pattern, std::string_view name, std::string_view vo) {
    if (const int order = pattern.substr(0, name.size()).compare(name); order != 0) return order;
    pattern.remove_prefix(name.size());
    if (const int order = pattern.substr(0, 1).compare("@"); order != 0) return order;
    return pattern.substr(1).compare(vo);
}

// pattern against "*" and rest.
int compare_wild(std::string_view pattern, std::string_view rest) {
    if (const int order = pattern.substr(0, 1).compare("*"); order != 0) return order;
    return pattern.substr(1).compare(rest);
}

bool holds_plain(const Names& names, std::string_view name) {
    return std::binary_search(names.begin(), names.end(), name, std::less<>());
}

// The name alone means the subject's own VO.
bool holds_name(const Names& names, std::string_view name, std::string_view vo) {
    if (holds_plain(names, name)) return true;
    const auto at = std::partition_point(names.begin(), names.end(), [&](const std::string& pattern) {
        return compare_full(pattern, name, vo) < 0;
    });
    return at != names.end() && compare_full(*at, name, vo) == 0;
}

bool holds_any(const Names& names, std::span<const std::string> held, std::string_view vo) {
    return std::ranges::any_of(held, [&](const std::string& name) { return holds_name(names, name, vo); });
}

// "*.example.org" is every host below it: a pattern for each dot of the node's name.
bool holds_node(const Names& patterns, std::string_view node) {
    if (node.empty()) return false;
    if (holds_plain(patterns, node)) return true;
    for (size_t dot = node.find('.'); dot != std::string_view::npos; dot = node.find('.', dot + 1)) {
        const auto at = std::partition_point(patterns.begin(), patterns.end(), [&](std::string_view pattern) {
            return compare_wild(pattern, node.substr(dot)) < 0;
        });
        if (at != patterns.end() && compare_wild(*at, node.substr(dot)) == 0) return true;
    }
    return false;
}

bool is_place(const Rule& rule, const Circumstances& where) {
    if ((rule.asks & kNode) != 0 && !holds_node(rule.nodes, where.node)) return false;
    if ((rule.asks & kSite) != 0 && (where.site.empty() || !holds_plain(rule.sites, where.site)))
        return false;
    return (rule.asks & kTag) == 0 || std::ranges::any_of(where.tags, [&](const std::string& tag) {
               return holds_plain(rule.tags, tag);
           });
}

}  // namespace

std::optional<Action> parse_action(std::string_view name) {
    const auto found = std::ranges::find(kActionNames, name);
    if (found == kActionNames.end()) return std::nullopt;
    return static_cast<Action>(found - kActionNames.begin());
}

void prepare(Rule& rule) {
    rule.asks = rule.when.always() ? 0 : kWhen;
    for (const ConditionList& list : kLists) {
        Names& names = rule.*list.names;
        std::ranges::sort(names);
        names.erase(std::ranges::unique(names).begin(), names.end());
        if (!names.empty()) rule.asks = static_cast<uint8_t>(rule.asks | list.bit);
    }
}

bool matches(const Rule& rule, const Subject& subject, Action action, const Circumstances& circumstances) {
    if ((rule.actions & (1u << static_cast<unsigned>(action))) == 0) return false;
    if ((rule.asks & kVo) != 0 && !holds_plain(rule.vos, subject.vo)) return false;
    if ((rule.asks & kUser) != 0 && !holds_name(rule.users, subject.user, subject.vo)) return false;
    if ((rule.asks & kGroup) != 0 && !holds_any(rule.groups, subject.groups, subject.vo) &&
        !holds_name(rule.groups, "members", subject.vo))
        return false;
    if ((rule.asks & kRole) != 0 && !holds_any(rule.roles, subject.roles, subject.vo)) return false;
    if ((rule.asks & kPlace) != 0 && !is_place(rule, circumstances)) return false;
    return (rule.asks & kWhen) == 0 || holds(rule.when, circumstances.time);
}

}  // namespace xos

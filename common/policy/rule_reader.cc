#include "common/policy/rule_reader.h"

#include <algorithm>

#include "common/policy/quantity.h"
#include "common/vo/node_record.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr size_t kReasonMax = 200;
constexpr size_t kHoursMax = 16;
constexpr uint32_t kAllActions = (1u << kActionNames.size()) - 1;

constexpr uint32_t bit(Action action) {
    return 1u << static_cast<unsigned>(action);
}
constexpr uint32_t kSessionActions = bit(Action::login) | bit(Action::su);
constexpr uint32_t kJobActions = bit(Action::submit) | bit(Action::checkpoint) | bit(Action::migrate);

std::string action_words() {
    std::string words = "all";
    for (const std::string_view name : kActionNames) words += ", " + std::string(name);
    return words;
}

Outcome<uint32_t> read_actions(const PolicyPlace& place, const PolicyText& text) {
    const auto words = read_words(place, text, "at least one action of: " + action_words());
    if (!words) return std::unexpected(words.error());
    uint32_t actions = 0;
    for (const PolicyText* word : *words) {
        const auto action = parse_action(word->word);
        if (!action && word->word != "all")
            return place.expected(*word, compose("actions of: {}; '{}' is none", action_words(), word->word));
        actions |= action ? bit(*action) : kAllActions;
    }
    return actions;
}

bool is_plain_or_full_name(std::string_view word) {
    return word.find('@') == std::string_view::npos ? is_user_name(word) : parse_login_name(word).has_value();
}

bool is_node_pattern(std::string_view word) {
    if (word.starts_with("*.")) word.remove_prefix(2);
    return is_host_name(word);
}

struct NameList {
    const char* key;
    std::vector<std::string> Rule::* names;
    bool (*valid)(std::string_view);
    std::string_view what;
};
constexpr NameList kNameLists[] = {
    {"vo", &Rule::vos, [](std::string_view s) { return is_vo_name(s); }, "a VO name"},
    {"user", &Rule::users, is_plain_or_full_name, "a user name (user1 or user1@vo)"},
    {"group", &Rule::groups, is_plain_or_full_name, "a group name (group or group@vo)"},
    {"role", &Rule::roles, is_plain_or_full_name, "a role name (role or role@vo)"},
    {"node", &Rule::nodes, is_node_pattern, "a host name or *.domain, in lower case"},
    {"site", &Rule::sites, is_label, "a site, [a-z0-9][a-z0-9._-]*"},
    {"tag", &Rule::tags, is_label, "a tag, [a-z0-9][a-z0-9._-]*"},
};

Outcome<void> read_names(const PolicyPlace& place, const PolicyText& text, const NameList& list, Rule& rule) {
    const auto words = read_words(place, text, compose("{} after '{}'", list.what, list.key));
    if (!words) return std::unexpected(words.error());
    for (const PolicyText* word : *words) {
        if (!list.valid(word->word))
            return place.expected(*word,
                                  compose("{} after '{}'; '{}' is none", list.what, list.key, word->word));
        (rule.*list.names).push_back(word->word);
    }
    return {};
}

Outcome<void> read_days(const PolicyPlace& place, const PolicyText& text, TimeWindow& window) {
    constexpr std::string_view kWhat = "days such as mon, mon-fri or [sat, sun]";
    const auto words = read_words(place, text, kWhat);
    if (!words) return std::unexpected(words.error());
    window.days = 0;
    for (const PolicyText* word : *words) {
        const auto days = parse_days(word->word);
        if (!days) return place.expected(*word, compose("{}; '{}' is none", kWhat, word->word));
        window.days = static_cast<uint8_t>(window.days | *days);
    }
    return {};
}

Outcome<void> read_hours(const PolicyPlace& place, const PolicyText& text, TimeWindow& window) {
    constexpr std::string_view kWhat = "hours (UTC) such as 08:00-18:00, 22:00-06:00 or 18:00-24:00";
    const auto words = read_words(place, text, kWhat);
    if (!words) return std::unexpected(words.error());
    if (words->size() > kHoursMax)
        return place.expected(text, compose("at most {} ranges of hours", kHoursMax));
    for (const PolicyText* word : *words) {
        const auto range = parse_hours(word->word);
        if (!range) return place.expected(*word, compose("{}; '{}' is none", kWhat, word->word));
        window.hours.push_back(*range);
    }
    return {};
}

Outcome<void> read_moment(const PolicyPlace& place, const PolicyText& text,
                          std::chrono::sys_seconds& moment) {
    const auto time = text.kind == PolicyText::Kind::word ? parse_utc(text.word) : std::nullopt;
    if (!time) return place.expected(text, "a time (UTC) such as 2026-12-01 or 2026-12-01 08:00");
    moment = *time;
    return {};
}

Outcome<void> read_when(const PolicyPlace& place, const PolicyText& text, TimeWindow& window) {
    if (auto keys = check_keys(place, text, {"days", "hours", "from", "until"}); !keys) return keys;
    Outcome<void> done;
    if (const auto* days = text.find("days")) done = read_days(place, *days, window);
    if (const auto* hours = text.find("hours"); done && hours) done = read_hours(place, *hours, window);
    if (const auto* from = text.find("from"); done && from) done = read_moment(place, *from, window.from);
    if (const auto* until = text.find("until"); done && until)
        done = read_moment(place, *until, window.until);
    if (!done) return done;
    if (text.items.empty()) return place.expected(text, "days, hours, from or until after 'when'");
    if (window.from >= window.until) return place.expected(text, "'from' to be before 'until'");
    return {};
}

struct HeldBy {
    uint32_t actions;
    std::string_view names;
};

// Whose permission puts the limit to effect.
HeldBy held_by(Limit limit) {
    switch (limit) {
        case Limit::sessions:
            return {kSessionActions, "login or su"};
        case Limit::jobs:
        case Limit::walltime:
            return {kJobActions, "submit, checkpoint or migrate"};
        case Limit::processes:
        case Limit::memory:
        case Limit::cpus:
            break;
    }
    return {kSessionActions | kJobActions, "login, su, submit, checkpoint or migrate"};
}

// A limit that nothing would hold is refused: it would only seem to be there.
Outcome<void> read_limits(const PolicyPlace& place, const PolicyText& text, Rule& rule) {
    if (!rule.allow) return place.expected(text, "'limits' on a rule that allows: what is denied has none");
    if (auto keys = check_keys(
            place, text,
            {kLimitNames[0], kLimitNames[1], kLimitNames[2], kLimitNames[3], kLimitNames[4], kLimitNames[5]});
        !keys)
        return keys;
    for (size_t i = 0; i < kLimitNames.size(); ++i) {
        const auto limit = static_cast<Limit>(i);
        const PolicyText* amount = text.find(kLimitNames[i]);
        if (amount == nullptr) continue;
        const auto value =
            amount->kind == PolicyText::Kind::word ? parse_limit(limit, amount->word) : std::nullopt;
        if (!value)
            return place.expected(*amount, compose("{} after '{}'", limit_grammar(limit), kLimitNames[i]));
        if (const HeldBy held = held_by(limit); (rule.actions & held.actions) == 0)
            return place.expected(*amount,
                                  compose("'{}' on a rule that allows {}", kLimitNames[i], held.names));
        rule.limits[limit] = *value;
    }
    if (!rule.limits.any()) return place.expected(text, "at least one limit after 'limits'");
    return {};
}

Outcome<void> read_reason(const PolicyPlace& place, const PolicyText& text, std::string& reason) {
    if (text.kind != PolicyText::Kind::word || text.word.size() > kReasonMax)
        return place.expected(text, compose("a reason, text of at most {} bytes", kReasonMax));
    reason = text.word;
    return {};
}

Json write_when(const TimeWindow& window) {
    JsonObject object;
    if (window.days != 0x7f) object.set("days", Json::strings(format_days(window.days)));
    std::vector<std::string> hours;
    for (const HourRange& range : window.hours) hours.push_back(format_hours(range));
    if (!hours.empty()) object.set("hours", Json::strings(hours));
    if (window.from != TimeWindow{}.from) object.set("from", Json::string(format_utc(window.from)));
    if (window.until != TimeWindow{}.until) object.set("until", Json::string(format_utc(window.until)));
    return object.build();
}

}  // namespace

Outcome<Rule> read_rule(const PolicyPlace& place, const PolicyText& text) {
    if (auto keys = check_keys(place, text,
                               {"allow", "deny", "vo", "user", "group", "role", "node", "site", "tag", "when",
                                "limits", "reason"});
        !keys)
        return std::unexpected(keys.error());
    const PolicyText *allow = text.find("allow"), *deny = text.find("deny");
    if ((allow == nullptr) == (deny == nullptr))
        return place.expected(text, "exactly one of 'allow' and 'deny' in a rule");
    Rule rule;
    rule.allow = allow != nullptr;
    rule.line = text.line;
    auto actions = read_actions(place, allow ? *allow : *deny);
    if (!actions) return std::unexpected(actions.error());
    rule.actions = *actions;
    Outcome<void> done;
    for (const NameList& list : kNameLists)
        if (const PolicyText* names = text.find(list.key); done && names)
            done = read_names(place, *names, list, rule);
    if (const auto* when = text.find("when"); done && when) done = read_when(place, *when, rule.when);
    if (const auto* limits = text.find("limits"); done && limits) done = read_limits(place, *limits, rule);
    if (const auto* reason = text.find("reason"); done && reason)
        done = read_reason(place, *reason, rule.reason);
    if (!done) return std::unexpected(done.error());
    return rule;
}

Json write_rule(const Rule& rule) {
    std::vector<std::string> actions;
    for (size_t i = 0; i < kActionNames.size(); ++i)
        if ((rule.actions & (1u << i)) != 0) actions.emplace_back(kActionNames[i]);
    JsonObject object;
    object.set(rule.allow ? "allow" : "deny", Json::strings(actions));
    for (const NameList& list : kNameLists)
        if (!(rule.*list.names).empty()) object.set(list.key, Json::strings(rule.*list.names));
    if (!rule.when.always()) object.set("when", write_when(rule.when));
    if (rule.limits.any()) {
        JsonObject limits;
        for (size_t i = 0; i < kLimitNames.size(); ++i)
            if (const auto limit = static_cast<Limit>(i); rule.limits.has(limit))
                limits.set(kLimitNames[i].data(), Json::string(format_limit(limit, rule.limits[limit])));
        object.set("limits", limits.build());
    }
    if (!rule.reason.empty()) object.set("reason", Json::string(rule.reason));
    return object.build();
}

size_t count_names(const Rule& rule) {
    size_t names = 0;
    for (const NameList& list : kNameLists) names += (rule.*list.names).size();
    return names;
}

}  // namespace xos

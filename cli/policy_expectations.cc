#include "cli/policy_expectations.h"

#include "common/policy/explanation.h"
#include "common/policy/policy_text.h"
#include "common/policy/quantity.h"
#include "common/vo/node_record.h"
#include "common/yaml_reader.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr size_t kPoliciesMax = 8;
constexpr size_t kTestsMax = 10000;

Outcome<void> read_names(const PolicyPlace& place, const PolicyText& test, const char* key, const char* what,
                         bool (*valid)(std::string_view), std::vector<std::string>& into) {
    const PolicyText* list = test.find(key);
    if (list == nullptr) return {};
    const auto words = read_words(place, *list, what);
    if (!words) return std::unexpected(words.error());
    for (const PolicyText* word : *words) {
        if (!valid(word->word)) return place.expected(*word, compose("{}; '{}' is none", what, word->word));
        into.push_back(word->word);
    }
    return {};
}

// At most one of the names that read_names() finds.
Outcome<void> read_name(const PolicyPlace& place, const PolicyText& test, const char* key, const char* what,
                        bool (*valid)(std::string_view), std::string& into) {
    std::vector<std::string> names;
    if (auto read = read_names(place, test, key, what, valid, names); !read) return read;
    if (names.size() > 1) return place.expected(*test.find(key), compose("{}, only one", what));
    if (!names.empty()) into = names.front();
    return {};
}

Outcome<void> read_actions(const PolicyPlace& place, const PolicyText& text, std::vector<Action>& into) {
    const auto words = read_words(place, text, "an action or a list of them");
    if (!words) return std::unexpected(words.error());
    for (const PolicyText* word : *words) {
        const auto action = parse_action(word->word);
        if (!action) return place.expected(*word, compose("an action; '{}' is none", word->word));
        into.push_back(*action);
    }
    return {};
}

Outcome<void> read_who(const PolicyPlace& place, const PolicyText& test, PolicySubject& subject) {
    const PolicyText* who = test.find("who");
    const auto name = who != nullptr ? parse_login_name(who->word) : std::nullopt;
    if (!name) return place.expected(who ? *who : test, "'who', a login name such as user1@physics");
    subject.user = name->user;
    subject.vo = name->vo;
    return {};
}

Outcome<void> read_limits(const PolicyPlace& place, const PolicyText& test, Expectation& expectation) {
    const PolicyText* limits = test.find("limits");
    if (limits == nullptr) return {};
    if (!expectation.permit || limits->kind != PolicyText::Kind::map)
        return place.expected(*limits, "a map of limits, of what is permitted");
    Limits& all = expectation.limits.emplace();
    for (size_t i = 0; i < limits->items.size(); i += 2) {
        const PolicyText &key = limits->items[i], &amount = limits->items[i + 1];
        const auto found = std::ranges::find(kLimitNames, key.word);
        if (found == kLimitNames.end())
            return place.expected(key, compose("a limit; '{}' is none", key.word));
        const auto limit = static_cast<Limit>(found - kLimitNames.begin());
        const auto value = parse_limit(limit, amount.word);
        if (!value) return place.expected(amount, limit_grammar(limit));
        all[limit] = *value;
    }
    return {};
}

Outcome<Expectation> read_test(const PolicyPlace& place, const PolicyText& test,
                               std::chrono::sys_seconds now) {
    if (auto keys = check_keys(
            place, test, {"permit", "deny", "who", "group", "role", "node", "site", "tag", "at", "limits"});
        !keys)
        return std::unexpected(keys.error());
    const PolicyText *permit = test.find("permit"), *deny = test.find("deny");
    if ((permit == nullptr) == (deny == nullptr))
        return place.expected(test, "exactly one of 'permit' and 'deny' in a test");
    Expectation made;
    made.permit = permit != nullptr;
    made.place = compose("{}:{}:{}", place.source, test.line, test.column);
    made.situation.time = now;
    const auto is_name = [](std::string_view word) { return is_user_name(word); };
    auto done = read_actions(place, permit ? *permit : *deny, made.actions);
    if (done) done = read_who(place, test, made.subject);
    if (done) done = read_names(place, test, "group", "a group name", is_name, made.subject.groups);
    if (done) done = read_names(place, test, "role", "a role name", is_name, made.subject.roles);
    if (done) done = read_name(place, test, "node", "a host name", is_host_name, made.situation.node);
    if (done) done = read_name(place, test, "site", "a site", is_label, made.situation.site);
    if (done) done = read_names(place, test, "tag", "a tag", is_label, made.situation.tags);
    if (done) done = read_limits(place, test, made);
    if (const PolicyText* at = test.find("at"); done && at) {
        const auto time = parse_utc(at->word);
        if (!time) return place.expected(*at, "a time (UTC) such as 2026-12-01 or 2026-12-01 08:00");
        made.situation.time = *time;
    }
    if (!done) return std::unexpected(done.error());
    return made;
}

}  // namespace

Outcome<ExpectationFile> read_expectations(std::string_view text, std::string_view source,
                                           std::chrono::sys_seconds now) {
    const auto root = parse_yaml(text, source, kPolicyTextMax);
    if (!root) return std::unexpected(root.error());
    const PolicyText whole = convert(*root);
    const PolicyPlace place{source};
    if (auto keys = check_keys(place, whole, {"policy", "tests"}); !keys)
        return std::unexpected(keys.error());
    const PolicyText *policy = whole.find("policy"), *tests = whole.find("tests");
    if (policy == nullptr) return place.expected(whole, "'policy', the file of the rules, beside this one");
    if (tests == nullptr || tests->kind != PolicyText::Kind::list || tests->empty() ||
        tests->items.size() > kTestsMax)
        return place.expected(tests ? *tests : whole, "'tests', a list of at least one test");
    ExpectationFile file;
    const auto names = read_words(place, *policy, "a file name");
    if (!names) return std::unexpected(names.error());
    if (names->size() > kPoliciesMax)
        return place.expected(*policy, compose("at most {} files", kPoliciesMax));
    for (const PolicyText* name : *names) file.policies.push_back(name->word);
    for (const PolicyText& test : tests->items) {
        auto read = read_test(place, test, now);
        if (!read) return std::unexpected(read.error());
        file.tests.push_back(*std::move(read));
    }
    return file;
}

std::vector<std::string> find_unmet(std::span<const Expectation> tests, std::span<const Policy> policies) {
    std::vector<std::string> unmet;
    for (const Expectation& test : tests)
        for (const Action action : test.actions) {
            const Explanation found = explain(policies, test.subject.view(), action, test.situation.view());
            if (found.permit != test.permit)
                unmet.push_back(compose("{}: expected that {} is {} {}, but: {}", test.place,
                                        test.subject.name(), test.permit ? "permitted" : "denied",
                                        action_name(action), found.reason));
            else if (test.limits && *test.limits != found.limits)
                unmet.push_back(compose("{}: expected limits of {} for {}: {}, but they are: {}", test.place,
                                        action_name(action), test.subject.name(), format_limits(*test.limits),
                                        format_limits(found.limits)));
        }
    return unmet;
}

}  // namespace xos

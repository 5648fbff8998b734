// xos policy check, diff, test: policies as files, before anybody is decided by them.
#include <cstdio>
#include <filesystem>
#include <memory>

#include "cli/bundle_input.h"
#include "cli/commands.h"
#include "cli/input_file.h"
#include "cli/policy_change.h"
#include "cli/policy_expectations.h"
#include "common/clock.h"
#include "common/vo/bundle.h"

namespace xos {
namespace {

Outcome<int> check(const std::string& path) {
    const auto policy = load_policy(path);
    if (!policy) return std::unexpected(policy.error());
    size_t allows = 0;
    for (const Rule& rule : policy->rules()) allows += rule.allow;
    std::printf("%s: %zu rules, %zu allow and %zu deny%s\n", policy->source().c_str(), policy->rules().size(),
                allows, policy->rules().size() - allows, allows == 0 ? ": nobody is allowed anything" : "");
    return kExitOk;
}

struct DiffWords {
    std::string before, after, bundle, node, site, at;
    std::vector<std::string> tags;
};

// The members of a bundle, whoever has signed it: nothing is decided by it here.
Outcome<void> add_members(const std::string& path, std::set<PolicySubject>& subjects) {
    const auto bytes = read_bundle(path);
    if (!bytes) return std::unexpected(bytes.error());
    const auto key = named_vo_key(*bytes);
    if (!key) return failure(Errc::invalid, "{} is no bundle: {}", path, key.error().message);
    const auto now = current_time();
    const auto bundle = open_bundle(*bytes, key_fingerprint(*key), now, std::chrono::hours(24 * 365 * 20));
    if (!bundle) return std::unexpected(bundle.error());
    for (const Member& member : bundle->members)
        subjects.insert({bundle->vo.name, member.name, member.groups, member.roles});
    return {};
}

Outcome<int> diff(const DiffWords& words) {
    const auto before = load_policy(words.before), after = load_policy(words.after);
    if (!before) return std::unexpected(before.error());
    if (!after) return std::unexpected(after.error());
    const auto time = read_moment(words.at, "--at");
    if (!time) return std::unexpected(time.error());
    const Situation base{words.node, words.site, words.tags, *time};
    const bool fixed_node = !words.node.empty() || !words.site.empty() || !words.tags.empty();
    auto subjects = name_subjects(*before, *after);
    if (!subjects) return std::unexpected(subjects.error());
    if (!words.bundle.empty())
        if (auto added = add_members(words.bundle, *subjects); !added) return std::unexpected(added.error());
    const auto situations = name_situations(*before, *after, base, fixed_node, !words.at.empty());
    if (!situations) return std::unexpected(situations.error());
    if (subjects->size() * situations->size() > kQuestionsMax)
        return failure(
            Errc::invalid,
            "{} subjects in {} situations are more than can be compared: narrow it with --node and --at",
            subjects->size(), situations->size());
    const auto changes = compare(*before, *after, *subjects, *situations);
    for (const PolicyChange& change : changes) std::printf("%s\n", describe(change).c_str());
    if (changes.empty())
        std::printf("nobody gains or loses anything (%zu subjects in %zu situations)\n", subjects->size(),
                    situations->size());
    return changes.empty() ? kExitOk : kExitFailure;
}

Outcome<int> test(const std::string& path) {
    const auto text = read_input(path, kPolicyTextMax);
    if (!text) return std::unexpected(text.error());
    const auto now = current_time();
    const auto file = read_expectations(*text, path, now);
    if (!file) return std::unexpected(file.error());
    std::vector<Policy> policies;
    for (const std::string& name : file->policies) {
        const std::filesystem::path beside = std::filesystem::path(path).parent_path() / name;
        auto policy = load_policy(beside.string());
        if (!policy) return std::unexpected(policy.error());
        policies.push_back(*policy);
    }
    const auto unmet = find_unmet(file->tests, policies);
    for (const std::string& message : unmet) std::fprintf(stderr, "%s\n", message.c_str());
    std::printf("%s: %zu tests, %s\n", path.c_str(), file->tests.size(),
                unmet.empty() ? "all as expected" : compose("{} not as expected", unmet.size()).c_str());
    return unmet.empty() ? kExitOk : kExitFailure;
}

}  // namespace

void add_policy_commands(CommandTable& table) {
    const auto file = std::make_shared<std::string>(), tests = std::make_shared<std::string>();
    table
        .add("policy check", "Check a file of rules, or the policy of a node.yaml",
             [file] { return check(*file); })
        .required("FILE", *file, "- is standard input");
    const auto words = std::make_shared<DiffWords>();
    table.add("policy diff", "Who gains and who loses what by a new policy", [words] { return diff(*words); })
        .required("OLD", words->before, "a file of rules")
        .required("NEW", words->after, "a file of rules")
        .option("--bundle", words->bundle, "a bundle, to compare for each of its members")
        .option("--node", words->node, "on this node only")
        .option("--site", words->site, "of this site")
        .option("--tag", words->tags, "with this tag; may be repeated")
        .option("--at", words->at, "at this time (UTC) only");
    table.add("policy test", "Compare a policy with what its tests expect", [tests] { return test(*tests); })
        .required("FILE", *tests, "the tests; see xos-policy(5)");
}

}  // namespace xos

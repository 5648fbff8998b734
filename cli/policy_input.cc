#include "cli/policy_input.h"

#include "cli/input_file.h"
#include "common/clock.h"
#include "common/policy/quantity.h"
#include "common/time_text.h"
#include "common/yaml_reader.h"

namespace xos {

Outcome<Policy> load_policy(const std::string& path) {
    const auto text = read_input(path, kPolicyTextMax);
    if (!text) return std::unexpected(text.error());
    const std::string name = path == "-" ? "standard input" : path;
    const auto root = parse_yaml(*text, name, kPolicyTextMax);
    if (!root) return std::unexpected(root.error());
    if (!root->IsMap()) return read_policy(name, *root, name);
    const YAML::Node rules = (*root)["policy"];
    if (!rules) return yaml_failure(name, *root, "a list of rules, or a map with the key 'policy'");
    return read_policy(name, rules, name);
}

Outcome<std::chrono::sys_seconds> read_moment(const std::string& text, const char* option) {
    if (text.empty()) return current_time();
    const auto time = parse_utc(text);
    if (!time)
        return failure(Errc::invalid,
                       "{} '{}': expected a time (UTC) such as 2026-12-01 or '2026-12-01 08:00'", option,
                       text);
    return *time;
}

std::string PolicySubject::name() const {
    std::string text =
        user.empty() ? "any member" + (vo.empty() ? "" : " of " + vo) : user + (vo.empty() ? "" : "@" + vo);
    for (const std::string& group : groups) text += ", group " + group;
    for (const std::string& role : roles) text += ", role " + role;
    return text;
}

std::string Situation::name() const {
    std::string text = node.empty() ? "" : "node " + node + ", ";
    if (!site.empty()) text += "site " + site + ", ";
    for (const std::string& tag : tags) text += "tag " + tag + ", ";
    return text + format_time(time);
}

}  // namespace xos

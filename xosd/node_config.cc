#include "xosd/node_config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <initializer_list>

#include "common/policy/policy_file.h"
#include "common/policy/quantity.h"
#include "common/yaml_reader.h"
#include "libxos/login_name.h"
#include "libxos/unique_fd.h"
#include "xosd/this_machine.h"
#include "xosd/tracking/cgroup_pattern.h"

namespace xos {
namespace {

constexpr uint64_t kCpusMax = 1 << 20;

// passwd(5) lines and sshd cannot carry ':' or control characters
bool is_absolute_path(const std::string& path) {
    if (path.size() < 2 || path.size() > 200 || path[0] != '/' || path.back() == '/') return false;
    for (const char c : path)
        if (c <= ' ' || c == ':' || c == 0x7f) return false;
    return path.find("/../") == std::string::npos && !path.ends_with("/..");
}

Outcome<void> read_path(std::string_view file, const YAML::Node& node, std::string& into) {
    if (!node) return {};
    auto text = read_string(file, node);
    if (!text) return std::unexpected(text.error());
    if (!is_absolute_path(*text)) return yaml_failure(file, node, "an absolute path without spaces or ':'");
    into = *std::move(text);
    return {};
}

Outcome<void> read_bool(std::string_view file, const YAML::Node& node, bool& into) {
    if (!node) return {};
    const std::string text = node.IsScalar() ? node.Scalar() : "";
    if (text != "yes" && text != "no" && text != "true" && text != "false")
        return yaml_failure(file, node, "yes or no");
    into = text == "yes" || text == "true";
    return {};
}

// A word of the section "node" that passes valid; into stays as it is where the key is absent.
Outcome<void> read_word(std::string_view file, const YAML::Node& node, bool (*valid)(std::string_view),
                        std::string_view what, std::string& into) {
    if (!node) return {};
    auto word = read_string(file, node);
    if (!word) return std::unexpected(word.error());
    if (!valid(*word)) return yaml_failure(file, node, compose("{}; '{}' is none", what, *word));
    into = *std::move(word);
    return {};
}

Outcome<void> read_tags(std::string_view file, const YAML::Node& node, std::vector<std::string>& into) {
    auto tags = read_strings(file, node);
    if (!tags) return std::unexpected(tags.error());
    if (tags->size() > kTagsMax) return yaml_failure(file, node, compose("at most {} tags", kTagsMax));
    for (const std::string& tag : *tags) {
        if (!is_label(tag))
            return yaml_failure(file, node, compose("tags of [a-z0-9][a-z0-9._-]*; '{}' is none", tag));
        if (std::ranges::contains(into, tag)) return yaml_failure(file, node, compose("'{}' only once", tag));
        into.push_back(tag);
    }
    return {};
}

Outcome<void> read_amounts(std::string_view file, const YAML::Node& section, NodeAttributes& into) {
    if (const YAML::Node cpus = section["cpus"]) {
        const auto count = cpus.IsScalar() ? parse_count(cpus.Scalar(), kCpusMax) : std::nullopt;
        if (!count) return yaml_failure(file, cpus, "a number of processors, 1 or more");
        into.cpus = static_cast<uint32_t>(*count);
    }
    if (const YAML::Node memory = section["memory"]) {
        const auto size = memory.IsScalar() ? parse_memory(memory.Scalar()) : std::nullopt;
        if (!size) return yaml_failure(file, memory, "a size such as 512M, 64G or 2T");
        into.memory = *size;
    }
    return {};
}

// What the owner says of the node itself.
Outcome<void> read_node(std::string_view file, const YAML::Node& section, NodeConfig& config) {
    if (!section) return {};
    if (auto keys = check_keys(file, section, {"name", "site", "tags", "cpus", "memory"}); !keys) return keys;
    if (auto name = read_word(file, section["name"], is_host_name, "a host name in lower case", config.name);
        !name)
        return name;
    if (auto site = read_word(file, section["site"], is_label, "a site, [a-z0-9][a-z0-9._-]*",
                              config.attributes.site);
        !site)
        return site;
    if (auto tags = read_tags(file, section["tags"], config.attributes.tags); !tags) return tags;
    return read_amounts(file, section, config.attributes);
}

// Whom the owner lets in by VOMS proxy: nobody by default.
Outcome<void> read_voms(std::string_view file, const YAML::Node& section, NodeConfig& config) {
    if (!section) return {};
    if (auto keys = check_keys(file, section, {"accept", "crl-grace"}); !keys) return keys;
    auto names = read_strings(file, section["accept"]);
    if (!names) return std::unexpected(names.error());
    for (const std::string& name : *names)
        if (!is_vo_name(name))
            return yaml_failure(file, section["accept"], compose("names of VOs; '{}' is none", name));
    config.voms_accept = *std::move(names);
    return read_duration(file, section["crl-grace"], std::chrono::seconds(0), std::chrono::days(30),
                         "a time such as 0s, 12h or 7d, at most 30d", config.voms_crl_grace);
}

// The one of words that node says; nothing where it is absent.
template <typename Meaning>
Outcome<void> read_choice(std::string_view file, const YAML::Node& node,
                          std::initializer_list<std::pair<std::string_view, Meaning>> words,
                          std::string_view what, Meaning& into) {
    if (!node) return {};
    for (const auto& [word, meaning] : words) {
        if (!node.IsScalar() || node.Scalar() != word) continue;
        into = meaning;
        return {};
    }
    return yaml_failure(file, node, what);
}

Outcome<void> read_accounts(std::string_view file, const YAML::Node& section, NodeConfig& config) {
    if (!section) return {};
    if (auto keys = check_keys(file, section, {"enumerate", "on-clash"}); !keys) return keys;
    if (auto shown = read_choice<Enumerate>(
            file, section["enumerate"],
            {{"active", Enumerate::active}, {"all", Enumerate::all}, {"none", Enumerate::none}},
            "active, all or none", config.enumerate);
        !shown)
        return shown;
    return read_choice<bool>(file, section["on-clash"], {{"refuse", false}, {"local-uids", true}},
                             "refuse or local-uids", config.local_blocks);
}

Outcome<void> read_sessions(std::string_view file, const YAML::Node& section, SessionConfig& config) {
    if (!section) return {};
    if (auto keys = check_keys(file, section, {"at-expiry", "warn", "leftovers"}); !keys) return keys;
    if (auto expiry = read_choice<AtExpiry>(
            file, section["at-expiry"],
            {{"keep", AtExpiry::keep}, {"stop-jobs", AtExpiry::stop_jobs}, {"end", AtExpiry::end}},
            "keep, stop-jobs or end", config.at_expiry);
        !expiry)
        return expiry;
    if (auto rest = read_choice<Leftovers>(
            file, section["leftovers"],
            {{"keep", Leftovers::keep}, {"warn", Leftovers::warn}, {"end", Leftovers::end}},
            "keep, warn or end", config.leftovers);
        !rest)
        return rest;
    return read_duration(file, section["warn"], std::chrono::seconds(0), std::chrono::hours(24),
                         "a time such as 0s, 90s or 10m, at most 24h", config.warn);
}

Outcome<void> read_track(std::string_view file, const YAML::Node& node, std::vector<std::string>& into) {
    auto patterns = read_strings(file, node);
    if (!patterns) return std::unexpected(patterns.error());
    if (patterns->size() > kPatternsMax)
        return yaml_failure(file, node, compose("at most {} patterns", kPatternsMax));
    for (const std::string& pattern : *patterns)
        if (!CgroupPattern::is_valid(pattern))
            return yaml_failure(
                file, node,
                compose("absolute paths of cgroups, with *, ? and [], of at most {} bytes, such as "
                        "'/lxc.payload.*'; '{}' is none",
                        kPatternSizeMax, pattern));
    into = *std::move(patterns);
    return {};
}

void ask_machine(NodeConfig& config) {
    if (config.name.empty()) config.name = read_host_name();
    if (config.attributes.cpus == 0) config.attributes.cpus = count_cpus();
    if (config.attributes.memory == 0) config.attributes.memory = count_memory();
}

}  // namespace

Outcome<NodeConfig> parse_node_config(std::string_view text, std::string_view path) {
    NodeConfig config;
    auto root = parse_yaml(text, path);
    if (!root) return std::unexpected(root.error());
    if (root->IsNull()) return config;
    if (auto keys = check_keys(path, *root,
                               {"policy", "home", "shell", "accounts", "manage-sshd", "bundles", "node",
                                "sessions", "track", "voms"});
        !keys)
        return std::unexpected(keys.error());
    if (auto home = read_path(path, (*root)["home"], config.home_root); !home)
        return std::unexpected(home.error());
    if (auto shell = read_path(path, (*root)["shell"], config.shell); !shell)
        return std::unexpected(shell.error());
    if (auto accounts = read_accounts(path, (*root)["accounts"], config); !accounts)
        return std::unexpected(accounts.error());
    if (auto sshd = read_bool(path, (*root)["manage-sshd"], config.manage_sshd); !sshd)
        return std::unexpected(sshd.error());
    auto bundles = read_following_config(path, (*root)["bundles"]);
    if (!bundles) return std::unexpected(bundles.error());
    config.bundles = *bundles;
    if (auto node = read_node(path, (*root)["node"], config); !node) return std::unexpected(node.error());
    if (auto sessions = read_sessions(path, (*root)["sessions"], config.sessions); !sessions)
        return std::unexpected(sessions.error());
    if (auto track = read_track(path, (*root)["track"], config.track); !track)
        return std::unexpected(track.error());
    if (auto voms = read_voms(path, (*root)["voms"], config); !voms) return std::unexpected(voms.error());
    if (const YAML::Node rules = (*root)["policy"]) {
        auto policy = read_policy(path, rules, "node policy");
        if (!policy) return std::unexpected(policy.error());
        config.policy = *std::move(policy);
    }
    return config;
}

Outcome<NodeConfig> load_node_config(const std::string& path) {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd && errno != ENOENT) return failure_errno(errno, "cannot open {}", path);
    if (!fd) {
        NodeConfig config;
        ask_machine(config);
        return config;
    }
    struct stat st{};
    if (fstat(fd.get(), &st) != 0) return failure_errno(errno, "cannot examine {}", path);
    if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & 022) != 0)
        return failure(Errc::denied,
                       "{} must be a file of root that only root can write: chown root, chmod go-w", path);
    std::string text;
    char buffer[8192];
    ssize_t n;
    while ((n = read(fd.get(), buffer, sizeof buffer)) > 0 && text.size() <= 1024 * 1024)
        text.append(buffer, static_cast<size_t>(n));
    if (n < 0) return failure_errno(errno, "cannot read {}", path);
    auto config = parse_node_config(text, path);
    if (config) ask_machine(*config);
    return config;
}

}  // namespace xos

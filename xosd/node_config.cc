#include "xosd/node_config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/policy/policy_file.h"
#include "common/yaml_reader.h"
#include "libxos/unique_fd.h"

namespace xos {
namespace {

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

}  // namespace

Outcome<NodeConfig> parse_node_config(std::string_view text, std::string_view path) {
    NodeConfig config;
    auto root = parse_yaml(text, path);
    if (!root) return std::unexpected(root.error());
    if (root->IsNull()) return config;
    if (auto keys = check_keys(path, *root, {"policy", "home", "shell", "manage-sshd", "bundles"}); !keys)
        return std::unexpected(keys.error());
    if (auto home = read_path(path, (*root)["home"], config.home_root); !home)
        return std::unexpected(home.error());
    if (auto shell = read_path(path, (*root)["shell"], config.shell); !shell)
        return std::unexpected(shell.error());
    if (auto sshd = read_bool(path, (*root)["manage-sshd"], config.manage_sshd); !sshd)
        return std::unexpected(sshd.error());
    auto bundles = read_following_config(path, (*root)["bundles"]);
    if (!bundles) return std::unexpected(bundles.error());
    config.bundles = *bundles;
    if (const YAML::Node rules = (*root)["policy"]) {
        auto policy = read_policy(path, rules, "node policy");
        if (!policy) return std::unexpected(policy.error());
        config.policy = *std::move(policy);
    }
    return config;
}

Outcome<NodeConfig> load_node_config(const std::string& path) {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) {
        if (errno == ENOENT) return NodeConfig{};
        return failure_errno(errno, "cannot open {}", path);
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
    return parse_node_config(text, path);
}

}  // namespace xos

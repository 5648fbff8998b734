#include "cli/ssh_config.h"

#include <algorithm>
#include <filesystem>

#include "cli/input_file.h"
#include "cli/known_hosts.h"
#include "cli/user_folder.h"

namespace xos {
namespace {

constexpr std::string_view kCertSuffix = "-cert.pub";
constexpr char kFileName[] = "ssh_config";
constexpr size_t kSshConfigMax = 1024 * 1024;

// The login names whose certificates lie below folder; whatever else lies there is not ours to judge.
std::vector<std::string> find_logins(const std::string& folder) {
    std::vector<std::string> logins;
    std::error_code error;
    for (const auto& vo : std::filesystem::directory_iterator(folder, error)) {
        if (!vo.is_directory(error)) continue;
        for (const auto& file : std::filesystem::directory_iterator(vo.path(), error)) {
            const std::string name = file.path().filename();
            if (!name.ends_with(kCertSuffix)) continue;
            const std::string login =
                name.substr(0, name.size() - kCertSuffix.size()) + "@" + vo.path().filename().string();
            if (parse_login_name(login)) logins.push_back(login);
        }
    }
    std::ranges::sort(logins);
    return logins;
}

// The VOs below folder whose nodes are known by certificate.
std::vector<std::string> find_known_vos(const std::string& folder) {
    std::vector<std::string> vos;
    std::error_code error;
    for (const auto& vo : std::filesystem::directory_iterator(folder, error))
        if (std::filesystem::is_regular_file(vo.path() / kKnownHostsFile, error))
            vos.push_back(vo.path().filename());
    return vos;
}

}  // namespace

std::string ssh_config_text(const std::string& folder, const std::vector<std::string>& logins,
                            const std::vector<std::string>& known_vos) {
    std::string text = "# Written by xos login and xos logout: changes are lost.\n";
    for (const std::string& login : logins) {
        const auto name = parse_login_name(login);
        if (!name) continue;
        text += compose("Match user {}\n    IdentityFile \"{}/{}/{}{}\"\n    IdentitiesOnly yes\n", login,
                        folder, name->vo, name->user, kCertSuffix);
        if (std::ranges::contains(known_vos, name->vo))
            text += compose("    UserKnownHostsFile ~/.ssh/known_hosts ~/.ssh/known_hosts2 \"{}/{}/{}\"\n",
                            folder, name->vo, kKnownHostsFile);
    }
    return text;
}

Outcome<std::string> update_ssh_config() {
    const auto folder = UserFolder::open();
    if (!folder) return std::unexpected(folder.error());
    const std::string text =
        ssh_config_text(folder->path(), find_logins(folder->path()), find_known_vos(folder->path()));
    if (auto written = folder->write(kFileName, text, 0600); !written)
        return std::unexpected(written.error());
    return folder->path_of(kFileName);
}

std::string missing_include_line(const std::string& path) {
    const std::string line = "Include " + path;
    // ~/.config/xos/ssh_config: three folders below the home directory
    const auto home = std::filesystem::path(path).parent_path().parent_path().parent_path();
    const auto config = read_input(home / ".ssh" / "config", kSshConfigMax);
    if (config && (config->contains(line) || config->contains("Include ~/.config/xos/ssh_config"))) return "";
    return line;
}

}  // namespace xos

#include "cli/name_cache_check.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>

#include "common/file.h"
#include "libxos/unique_fd.h"

namespace xos {
namespace {

constexpr size_t kConfigMax = 1024 * 1024;

std::string trim(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return "";
    return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

std::string lower(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

bool answers(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return false;
    path.copy(address.sun_path, path.size());
    const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// What sssd.conf(5) is read for: sections of keys, later ones over earlier ones.
using Ini = std::map<std::string, std::map<std::string, std::string>>;

void read_ini(const std::string& text, Ini& ini) {
    std::istringstream lines(text);
    std::string section;
    for (std::string line; std::getline(lines, line);) {
        line = trim(line);
        if (line.empty() || line[0] == '#' || line[0] == ';') continue;
        if (line.front() == '[' && line.back() == ']') {
            section = lower(trim(std::string_view(line).substr(1, line.size() - 2)));
            continue;
        }
        const size_t equals = line.find('=');
        if (equals != std::string::npos)
            ini[section][lower(trim(std::string_view(line).substr(0, equals)))] =
                trim(std::string_view(line).substr(equals + 1));
    }
}

// sssd.conf first, then conf.d by name; names that begin with a dot are not read.
Outcome<Ini> read_sssd(const std::string& directory) {
    std::vector<std::string> paths = {directory + "/sssd.conf"};
    std::error_code error;
    for (std::filesystem::directory_iterator at(directory + "/conf.d", error), end; !error && at != end;
         at.increment(error)) {
        const std::string name = at->path().filename().string();
        if (name.ends_with(".conf") && !name.starts_with('.')) paths.push_back(at->path().string());
    }
    std::sort(paths.begin() + 1, paths.end());
    Ini ini;
    for (const std::string& path : paths) {
        const auto text = read_file(path, kConfigMax);
        if (!text && text.error().code == Errc::not_found) continue;
        if (!text) return std::unexpected(text.error());
        read_ini(*text, ini);
    }
    return ini;
}

}  // namespace

void check_nscd(const std::string& root, Findings& findings) {
    if (!answers(root + "/run/nscd/socket")) return good(findings, "nscd does not run");
    const std::string path = root + "/etc/nscd.conf";
    const auto text = read_file(path, kConfigMax);
    std::map<std::string, std::string> cached, lives;
    std::istringstream lines(text.value_or(""));
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string key, database, value;
        words >> key >> database >> value;
        if (key == "enable-cache") cached[database] = value;
        if (key == "positive-time-to-live") lives[database] = value;
    }
    bool any = false;
    for (const char* database : {"passwd", "group"}) {
        if (text && cached[database] != "yes") continue;  // nscd.conf(5): not enabled unless it says so
        any = true;
        const std::string life = lives[database].empty() ? "3600" : lives[database];
        wrong(findings,
              compose("nscd keeps answers about {} for {} s: members who come or go are seen that late",
                      database, life),
              compose("nscd -i {} now; for good, 'enable-cache {} no' in {} and restart nscd", database,
                      database, path));
    }
    if (!any) good(findings, "nscd runs and keeps neither passwd nor group");
}

void check_sssd(const std::string& root, const std::vector<std::string>& vos, Findings& findings) {
    const std::string directory = root + "/etc/sssd";
    const auto ini = read_sssd(directory);
    if (!ini)
        return note(findings,
                    compose("sssd's domains could not be compared with the VOs: {}", ini.error().message),
                    "run this as root");
    bool any = false;
    for (const auto& [section, keys] : *ini) {
        constexpr std::string_view kDomain = "domain/";
        if (!section.starts_with(kDomain)) continue;
        const std::string domain = section.substr(kDomain.size());
        if (std::ranges::find(vos, domain) == vos.end()) continue;
        any = true;
        const auto qualified = keys.find("use_fully_qualified_names");
        const bool is_qualified = qualified != keys.end() && lower(qualified->second) == "true";
        wrong(findings,
              compose("sssd has a domain {}, like an accepted VO: user@{} is sssd's user{} wherever sss "
                      "stands before "
                      "xos in nsswitch.conf",
                      domain, domain,
                      is_qualified ? ", as use_fully_qualified_names makes all its names," : ""),
              compose("rename the domain in {}, or stop trusting the VO (xos vo untrust {})", directory,
                      domain));
    }
    if (any) return;
    good(findings,
         ini->empty() ? "sssd is not configured" : "no domain of sssd is named like an accepted VO");
}

}  // namespace xos

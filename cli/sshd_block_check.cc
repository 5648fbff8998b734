#include "cli/sshd_block_check.h"

#include <fnmatch.h>

#include <algorithm>

#include "libxos/names.h"

namespace xos {
namespace {

constexpr char kWriteAgain[] = "as root: xos node reload, which writes it again and reloads sshd";
constexpr char kReload[] = "systemctl reload ssh";

struct Line {
    std::string keyword;  // lower case
    std::vector<std::string> words;
};

// "Keyword value", or "Keyword=value"
std::vector<Line> read_config(std::string_view text) {
    std::vector<Line> lines;
    for (const std::string& line : split_lines(text)) {
        const size_t end = std::min(line.find_first_of(" \t="), line.size());
        std::string rest = line.substr(end);
        rest.erase(0, rest.find_first_not_of(" \t="));
        lines.push_back({to_lower(line.substr(0, end)), split_words(rest)});
    }
    return lines;
}

// The VOs of "Match User *@physics,*@bio".
std::vector<std::string> find_vos(std::string_view text) {
    std::vector<std::string> vos;
    for (const Line& line : read_config(text)) {
        if (line.keyword != "match" || line.words.size() != 2 || to_lower(line.words[0]) != "user") continue;
        std::string_view users = line.words[1];
        while (!users.empty()) {
            const size_t end = std::min(users.find(','), users.size());
            vos.emplace_back(
                users.substr(users.starts_with("*@") ? 2 : 0, end - (users.starts_with("*@") ? 2 : 0)));
            users.remove_prefix(std::min(end + 1, users.size()));
        }
    }
    return vos;
}

bool includes_block(const Line& line) {
    return line.keyword == "include" && std::ranges::any_of(line.words, [](const std::string& pattern) {
               const std::string path = pattern.starts_with('/') ? pattern : "/etc/ssh/" + pattern;
               return fnmatch(path.c_str(), kSshdConfig, FNM_PATHNAME) == 0;
           });
}

struct Expected {
    const char* keyword;
    const char* value;
};
constexpr Expected kExpected[] = {
    {"authorizedkeyscommanduser", kKeysUser},
    {"authorizedkeysfile", "none"},
    {"trustedusercakeys", "none"},
    {"authenticationmethods", "publickey"},
    {"pubkeyauthentication", "yes"},
    {"passwordauthentication", "no"},
    {"kbdinteractiveauthentication", "no"},
    {"hostbasedauthentication", "no"},
    {"permituserrc", "no"},
    {"refuseconnection", "no"},
};

// A login shows a certificate for an Ed25519 key, signed by that key.
constexpr Expected kAlgorithms[] = {
    {"pubkeyacceptedalgorithms", "ssh-ed25519-cert-v01@openssh.com"},
    {"casignaturealgorithms", "ssh-ed25519"},
};

bool has_algorithm(const std::string& list, std::string_view name) {
    return ("," + list + ",").contains("," + std::string(name) + ",");
}

}  // namespace

void check_sshd_block(std::string_view text, const std::vector<std::string>& vos, Findings& findings) {
    const auto named = find_vos(text);
    const size_t before = findings.size();
    for (const std::string& vo : vos)
        if (!std::ranges::contains(named, vo))
            wrong(findings, compose("VO {} is trusted, but {} does not name it", vo, kSshdConfig),
                  kWriteAgain);
    for (const std::string& vo : named)
        if (!std::ranges::contains(vos, vo))
            wrong(findings, compose("{} names {}, which is not trusted here", kSshdConfig, vo), kWriteAgain);
    if (findings.size() == before)
        good(findings, compose("{} names the trusted VOs ({})", kSshdConfig, vos.size()));
}

void check_sshd_include(std::string_view text, Findings& findings) {
    constexpr char kLine[] = "'Include /etc/ssh/sshd_config.d/*.conf'";
    std::string match;
    for (const Line& line : read_config(text)) {
        if (line.keyword == "match") {
            match = "Match";
            for (const std::string& word : line.words) match += " " + word;
            if (line.words.size() == 1 && to_lower(line.words[0]) == "all") match.clear();
        }
        if (!includes_block(line)) continue;
        if (match.empty()) return good(findings, "/etc/ssh/sshd_config includes our block");
        return wrong(
            findings,
            compose("/etc/ssh/sshd_config includes our block inside of '{}': it holds for nobody else",
                    match),
            compose("write the line {} before every Match; then: sshd -t && {}", kLine, kReload));
    }
    wrong(findings, compose("/etc/ssh/sshd_config does not include {}", kSshdConfig),
          compose("write {} as its first line; then: sshd -t && {}", kLine, kReload));
}

void check_sshd_pam(const SshdSettings& settings, Findings& findings) {
    if (settings.value("usepam") != "yes")
        wrong(findings, "UsePAM no: members get no session, home or credential, and no policy is asked",
              compose("write 'UsePAM yes' in /etc/ssh/sshd_config; then: sshd -t && {}", kReload));
}

bool check_sshd_settings(const std::string& vo, const SshdSettings& settings, Findings& findings) {
    const size_t before = findings.size();
    const std::string command = settings.value("authorizedkeyscommand");
    if (!command.starts_with(compose("{}/xos-ssh-keys %u %U %t %k", kLibexecDir))) {
        wrong(findings,
              compose("VO {}: sshd's AuthorizedKeysCommand for its members is {}, not ours", vo,
                      command.empty() ? "none" : command),
              compose("see what is said of {}; sshd takes the first value: another may stand before it",
                      kSshdConfig));
        return false;
    }
    const auto say = [&](const Expected& expected, const std::string& value, const char* verb) {
        wrong(findings,
              compose("VO {}: sshd's {} for its members is {}: it must {} {}", vo, expected.keyword,
                      value.empty() ? "not set" : value, verb, expected.value),
              compose("find the line that stands before {} (sshd takes the first value), and narrow it to "
                      "others: grep -ri {} /etc/ssh/sshd_config /etc/ssh/sshd_config.d",
                      kSshdConfig, expected.keyword));
    };
    for (const Expected& expected : kExpected) {
        const std::string value = settings.value(expected.keyword);
        if (value != expected.value && !(value.empty() && std::string_view(expected.value) == "no"))
            say(expected, value, "be");
    }
    for (const Expected& expected : kAlgorithms) {
        const std::string value = settings.value(expected.keyword);
        if (!has_algorithm(value, expected.value)) say(expected, value, "hold");
    }
    if (findings.size() == before) good(findings, compose("VO {}: sshd asks xosd about its members", vo));
    return true;
}

void check_sshd_reading(const SshdReading& reading, Findings& findings) {
    if (reading.untold)
        return wrong(findings,
                     compose("sshd could not be told of {} (or xosd ended meanwhile): it may run with the "
                             "block of before",
                             kSshdConfig),
                     compose("{}; then: xos node reload", kReload));
    if (!reading.running)
        return note(findings, "no sshd runs by its pid file: unless ssh.socket starts one, nobody logs in",
                    "systemctl start ssh");
    if (!reading.read_at || !reading.written_at)
        return note(findings, "whether sshd has read our block could not be found out",
                    compose("{}, where members are refused", kReload));
    if (*reading.read_at < *reading.written_at)
        return wrong(findings, compose("sshd runs with the configuration of before {} changed", kSshdConfig),
                     kReload);
    if (reading.others_at && *reading.read_at < *reading.others_at)
        return note(findings,
                    "sshd has read our block, and not yet what else changed: what is said of sshd here holds "
                    "from then on",
                    compose("sshd -t && {}", kReload));
    good(findings, "sshd has read our block");
}

}  // namespace xos

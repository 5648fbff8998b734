#include "cli/sshd_access_check.h"

#include <algorithm>

#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr char kReload[] = "; then: sshd -t && systemctl reload ssh";

enum class Reach : uint8_t { none, some, all };

std::string join(const std::vector<std::string>& words) {
    constexpr size_t kShownMax = 8;
    std::string text;
    for (size_t i = 0; i < std::min(words.size(), kShownMax); ++i) text += (i == 0 ? "" : " ") + words[i];
    return words.size() > kShownMax ? text + " ..." : text;
}

// Two members who have nothing in common but the VO.
bool matches_every_member(const std::string& vo, std::string_view pattern) {
    return matches_pattern("a@" + vo, pattern) &&
           matches_pattern(std::string(kUserNameMax, 'z') + "@" + vo, pattern);
}

// In the grammar of names (login_name.h), or a wildcard; "!" and "," mean nothing here to sshd either.
bool can_match_names(std::string_view pattern) {
    return std::ranges::all_of(
        pattern, [](char c) { return is_lower(c) || is_digit(c) || std::string_view("._-@*?").contains(c); });
}

Reach reach_of_name(const std::string& vo, std::string_view pattern) {
    if (!can_match_names(pattern)) return Reach::none;
    if (matches_every_member(vo, pattern)) return Reach::all;
    // '?*': a member's name is not empty
    return patterns_meet(pattern, "?*@" + vo) ? Reach::some : Reach::none;
}

// A list of patterns and address blocks; "!" before one takes out what matches.
bool is_every_host(std::string_view list) {
    return !list.empty() && list.find_first_not_of('*') == std::string_view::npos;
}

Reach reach_of_user(const std::string& vo, std::string_view pattern) {
    const size_t at = pattern.rfind('@');
    const Reach reach = reach_of_name(vo, pattern.substr(0, at));
    // the VO was meant; a host of that name is not what members come from
    if (at != std::string_view::npos && pattern.substr(at + 1) == vo) return Reach::none;
    if (at == std::string_view::npos || is_every_host(pattern.substr(at + 1))) return reach;
    return std::min(reach, Reach::some);
}

// Every member is in members@vo, and each in groups of his own.
Reach reach_of_group(const std::string& vo, std::string_view pattern) {
    if (matches_pattern("members@" + vo, pattern)) return Reach::all;
    return reach_of_name(vo, pattern) == Reach::none ? Reach::none : Reach::some;
}

using ReachOf = Reach (*)(const std::string& vo, std::string_view pattern);

Reach farthest(const std::string& vo, const std::vector<std::string>& patterns, ReachOf reach_of) {
    Reach reach = Reach::none;
    for (const std::string& pattern : patterns) reach = std::max(reach, reach_of(vo, pattern));
    return reach;
}

// Written for members of vo, and read by sshd as something else.
std::vector<std::string> misread(const std::string& vo, const std::vector<std::string>& patterns) {
    std::vector<std::string> found;
    for (const std::string& pattern : patterns)
        if (pattern.ends_with("@" + vo) && reach_of_user(vo, pattern) == Reach::none)
            found.push_back(pattern);
    return found;
}

std::string explain(const std::vector<std::string>& patterns) {
    const std::string& pattern = patterns.front();
    const size_t at = pattern.rfind('@');
    return compose(" (sshd divides {} at the last '@': {} from a host named {})", pattern,
                   pattern.substr(0, at), pattern.substr(at + 1));
}

struct Keyword {
    const char* name;     // as people write it
    const char* keyword;  // as sshd -T does
    ReachOf reach_of;
    bool is_user;
};

void check_allowed(const std::string& vo, const Keyword& keyword, const SshdSettings& settings,
                   Findings& findings) {
    const auto patterns = settings.words(keyword.keyword);
    if (patterns.empty()) return;
    const auto wrongly = keyword.is_user ? misread(vo, patterns) : std::vector<std::string>();
    const std::string line =
        compose("'{} {}'", keyword.name, keyword.is_user ? "*@" + vo + "@*" : "members@" + vo);
    switch (farthest(vo, patterns, keyword.reach_of)) {
        case Reach::all:
            return;
        case Reach::some:
            return note(findings,
                        compose("VO {}: sshd lets in some members only, or from some hosts only: {} {}", vo,
                                keyword.name, join(patterns)),
                        compose("for all of them write {} beside it: such lines add up{}", line, kReload));
        case Reach::none:
            break;
    }
    wrong(findings,
          compose("VO {}: sshd lets no member in: {} {}{}", vo, keyword.name, join(patterns),
                  wrongly.empty() ? "" : explain(wrongly)),
          compose("write {} beside it: such lines add up{}", line, kReload));
}

void check_denied(const std::string& vo, const Keyword& keyword, const SshdSettings& settings,
                  Findings& findings) {
    const auto patterns = settings.words(keyword.keyword);
    const Reach reach = farthest(vo, patterns, keyword.reach_of);
    if (reach == Reach::all)
        wrong(findings, compose("VO {}: sshd shuts all members out: {} {}", vo, keyword.name, join(patterns)),
              compose("make that line narrower{}", kReload));
    if (reach == Reach::some)
        note(findings,
             compose("VO {}: sshd shuts some members out, or those from some hosts: {} {}", vo, keyword.name,
                     join(patterns)),
             "nothing, where that is meant; the node's policy (xos-node.yaml(5)) can say it with a reason");
    if (!keyword.is_user) return;
    for (const std::string& pattern : misread(vo, patterns))
        note(findings,
             compose("VO {}: {} {} keeps no member out{}", vo, keyword.name, pattern, explain({pattern})),
             compose("write '{} {}@*', or deny it in the node's policy (xos-node.yaml(5)){}", keyword.name,
                     pattern, kReload));
}

}  // namespace

void check_sshd_access(const std::string& vo, const SshdSettings& settings, Findings& findings) {
    const size_t before = findings.size();
    check_allowed(vo, {"AllowUsers", "allowusers", reach_of_user, true}, settings, findings);
    check_allowed(vo, {"AllowGroups", "allowgroups", reach_of_group, false}, settings, findings);
    check_denied(vo, {"DenyUsers", "denyusers", reach_of_user, true}, settings, findings);
    check_denied(vo, {"DenyGroups", "denygroups", reach_of_group, false}, settings, findings);
    if (findings.size() == before) good(findings, compose("VO {}: sshd shuts no member out by name", vo));
}

}  // namespace xos

// One rule of a policy, and whether it matches.
//
// Owns: the words of the language as types, and the test of one rule. Pure: no I/O, no clock, no allocation.
// Process: xosd decides; the authority and the xos command only check and explain.
// Trusts: its arguments; text is parsed by policy_file.h.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/policy/rule_limits.h"
#include "common/policy/time_window.h"

namespace xos {

enum class Action : uint8_t { login, pty, su, forward_agent, forward_port, submit, checkpoint, migrate };
inline constexpr std::array<std::string_view, 8> kActionNames = {
    "login", "pty", "su", "forward-agent", "forward-port", "submit", "checkpoint", "migrate"};

constexpr std::string_view action_name(Action action) {
    return kActionNames[static_cast<size_t>(action)];
}
std::optional<Action> parse_action(std::string_view name);

// Whom a decision is about. All names without the VO: groups and roles of one VO only.
struct Subject {
    std::string_view vo;
    std::string_view user;
    std::span<const std::string> groups;  // "members" is implied
    std::span<const std::string> roles;
};

// Where and when. An empty name or site is matched by no rule that asks for one.
struct Circumstances {
    std::string_view node;
    std::string_view site;
    std::span<const std::string> tags;
    std::chrono::sys_seconds time;
};

// A rule matches where every list that is not empty holds a match, and the time is within its window. Users,
// groups and roles are "name" or "name@vo", nodes a host name or "*.domain", which is every host below it.
struct Rule {
    bool allow = false;
    uint32_t actions = 0;  // bit 1 << Action
    uint8_t asks = 0;  // which of the lists, and the window, are there: set by prepare(), so that a look at a
                       // rule touches no more of it than it must
    std::vector<std::string> vos;
    std::vector<std::string> users;
    std::vector<std::string> groups;
    std::vector<std::string> roles;
    std::vector<std::string> nodes;
    std::vector<std::string> sites;
    std::vector<std::string> tags;
    TimeWindow when;
    Limits limits;       // of an allow rule
    std::string reason;  // the owner's words for a refusal; may be empty
    int line = 0;        // where the rule stands in its file, 1-based; 0: not told

    bool operator==(const Rule&) const = default;
};

// Sorts the lists, without doubles, and sets asks: what matches() needs.
void prepare(Rule& rule);

bool matches(const Rule& rule, const Subject& subject, Action action, const Circumstances& circumstances);

}  // namespace xos

// Policy: who may do what, decided by two rule lists, the VO's and the node's.
//
// Owns: the rule types and the decision. Pure: no I/O, no clock, no allocation that outlives a call.
// Process: xosd decides; the authority and the xos command only check and explain.
// Trusts: its arguments; text is parsed by policy_file.h.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xos {

enum class Action : uint8_t { login, pty, su, forward_agent, forward_port, submit, checkpoint };
inline constexpr std::array<std::string_view, 7> kActionNames = {
    "login", "pty", "su", "forward-agent", "forward-port", "submit", "checkpoint"};

constexpr std::string_view action_name(Action action) {
    return kActionNames[static_cast<size_t>(action)];
}

// Whom a decision is about. All names without the VO: groups and roles of one VO only.
struct Subject {
    std::string_view vo;
    std::string_view user;
    std::span<const std::string> groups;  // "members" is implied
    std::span<const std::string> roles;
};

// A rule matches where every list that is not empty holds a match. Users and groups are "name" or "name@vo".
struct Rule {
    bool allow = false;
    uint32_t actions = 0;  // bit 1 << Action
    std::vector<std::string> vos;
    std::vector<std::string> users;
    std::vector<std::string> groups;
    std::vector<std::string> roles;
    std::string reason;  // the owner's words for a refusal; may be empty
    int line = 0;        // where the rule stands in its file, 1-based
};

struct Policy {
    std::string source;  // named in reasons: "node policy", "policy of VO physics"
    std::vector<Rule> rules;
};

struct Decision {
    bool permit = false;
    std::string reason;  // names the rule that decided, or that none allowed it
};

// One policy alone: default deny; a matching deny wins over every allow.
Decision decide(const Policy& policy, const Subject& subject, Action action);

// VO policy AND node policy. The reason is the node's on permit, the first refusing one's otherwise.
Decision decide(const Policy& vo_policy, const Policy& node_policy, const Subject& subject, Action action);

}  // namespace xos

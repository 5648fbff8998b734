// The policy language: text to rules, and back. One language for VO policy and node policy: xos-policy(5).
//
//   - allow: [login, pty, submit]     # or deny: ; "all" stands for every action
//     vo: physics                     # each key: a word or a list; all keys given must match
//     user: user1@physics
//     group: [analysis, members@bio]
//     role: manager
//     node: "*.example.org"
//     site: lab
//     tag: gpu
//     when: {days: mon-fri, hours: 08:00-18:00, from: 2026-12-01, until: 2027-01-01}   # UTC
//     limits: {jobs: 4, sessions: 2, walltime: 12h, processes: 200, memory: 8G, cpus: 2}
//     reason: "text for a refusal"
//
// Process: xosd, xos-cda, xos. Trusts: nothing (the readers of YAML and JSON cap the text).
#pragma once

#include <string>
#include <string_view>

#include "common/failure.h"
#include "common/policy/policy.h"

namespace YAML {
class Node;
}

namespace xos {

inline constexpr size_t kPolicyTextMax = 1024 * 1024;  // bytes, of YAML or JSON
inline constexpr size_t kRulesMax = 16384;
inline constexpr size_t kRuleNamesMax = 32768;  // of all rules together: what an index of them may cost

// text is a YAML list of rules. source is named in errors and in decisions.
Outcome<Policy> parse_policy(std::string_view text, std::string_view source);

// The same from a node inside another file (node.yaml: policy).
Outcome<Policy> read_policy(std::string_view file, const YAML::Node& list, std::string_view source);

// The rules as compact JSON, which is YAML too, and the way back: some 4 times faster than parse_policy(),
// and without lines, so that reasons name rules by their number.
std::string format_policy(const Policy& policy);
Outcome<Policy> parse_compact_policy(std::string_view json, std::string_view source);

}  // namespace xos

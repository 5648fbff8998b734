// The policy language: YAML text to rules. One language for VO policy and node policy.
//
//   - allow: [login, pty, submit]     # or deny: ; "all" stands for every action
//     vo: physics                     # each key: a word or a list; all keys given must match
//     user: user1@physics
//     group: [analysis, members@bio]
//     role: manager
//     reason: "text for a refusal"
//
// Process: xosd, xos-cda, xos. Trusts: nothing (common/yaml_reader.h caps the text).
#pragma once

#include <string>
#include <string_view>

#include "common/failure.h"
#include "common/policy/policy.h"

namespace YAML {
class Node;
}

namespace xos {

// text is a YAML list of rules. source is named in errors and in decisions.
Outcome<Policy> parse_policy(std::string_view text, std::string_view source);

// The same from a node inside another file (node.yaml: policy).
Outcome<Policy> read_policy(std::string_view file, const YAML::Node& list, std::string_view source);

// The rules as compact JSON, which parse_policy() reads back to the same rules.
std::string format_policy(const Policy& policy);

}  // namespace xos

// A policy's tests: what it must permit and deny, in a YAML file beside it.
//
//   policy: physics.yaml            # or a list, all of which must allow; beside this file
//   tests:
//     - permit: [login, submit]     # or deny:
//       who: user1@physics
//       group: analysis             # group, role, tag: a word or a list
//       node: node1.example.org     # node, site, tag, at: where and when; at is now where it is not said
//       at: 2026-12-01 10:00
//       limits: {jobs: 4}           # of a permit: exactly these
//
// Owns: the file's grammar and the comparison. Pure. Process: the xos command. Trusts: nothing.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/policy_input.h"

namespace xos {

struct Expectation {
    bool permit = false;
    std::vector<Action> actions;
    PolicySubject subject;
    Situation situation;
    std::optional<Limits> limits;
    std::string place;  // FILE:LINE:COLUMN
};

struct ExpectationFile {
    std::vector<std::string> policies;  // as the file names them
    std::vector<Expectation> tests;
};

Outcome<ExpectationFile> read_expectations(std::string_view text, std::string_view source,
                                           std::chrono::sys_seconds now);
// One message for each action that is not decided as expected.
std::vector<std::string> find_unmet(std::span<const Expectation> tests, std::span<const Policy> policies);

}  // namespace xos

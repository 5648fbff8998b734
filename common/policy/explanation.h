// Why a decision is what it is: for people.
//
// Owns: the words. Pure. Process: programs only. Trusts: its arguments.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/policy/policy.h"

namespace xos {

struct Explanation {
    bool permit = false;
    std::string reason;              // as in the log: of the first policy that refuses, or of the last
    std::vector<std::string> rules;  // every rule that matches, policy by policy in the order of their files;
                                     // "(decides)" after the one that does
    Limits limits;                   // what all leave, where permit
};

// All policies must allow, in this order: the VO's, the node's. There is at least one.
Explanation explain(std::span<const Policy> policies, const Subject& subject, Action action,
                    const Circumstances& circumstances);

}  // namespace xos

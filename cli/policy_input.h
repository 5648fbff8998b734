// Policies, moments and people that the user names on the command line. Process: the xos command. Trusts:
// nothing in them.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/policy/policy_file.h"

namespace xos {

// A file of rules, or one that has them under its key "policy", as /etc/xos/node.yaml; "-" is standard input.
Outcome<Policy> load_policy(const std::string& path);

// UTC; empty is now. option is named in the message.
Outcome<std::chrono::sys_seconds> read_moment(const std::string& text, const char* option);

// What a decision is about, with its own strings.
struct PolicySubject {
    std::string vo, user;  // user is empty: a member whom no rule names
    std::vector<std::string> groups, roles;

    Subject view() const { return {vo, user, groups, roles}; }
    std::string name() const;  // "user1@physics, group analysis", "any member of physics"
    auto operator<=>(const PolicySubject&) const = default;
};
struct Situation {
    std::string node, site;
    std::vector<std::string> tags;
    std::chrono::sys_seconds time;

    Circumstances view() const { return {node, site, tags, time}; }
    std::string name() const;  // "node node1, tag gpu, 2026-12-01 10:00:00 UTC"
    auto operator<=>(const Situation&) const = default;
};

}  // namespace xos

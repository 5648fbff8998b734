// What the connector agent tracks, as xosd tells of it, for people.
//
// Owns: the reading of org.xtreemos.Tracking replies and their text. Pure. Process: the xos command.
// Trusts: nothing of the name of a cgroup: what is not printable is not printed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/failure.h"
#include "common/json.h"

namespace xos {

struct BindingView {
    std::string name, cgroup, kind, pattern;
    int64_t since = 0;                 // seconds since 1970; 0: not known
    std::optional<int64_t> processes;  // empty: the cgroup cannot be read
};

struct AgentView {
    int64_t pid = 0;  // 0: none runs just now
    bool filtered = false;
};

Outcome<BindingView> read_binding_view(const JsonNode& node);
Outcome<AgentView> read_agent_view(const JsonNode& node);
std::string format_bindings(const std::vector<BindingView>& bindings);
std::string format_agent(const AgentView& agent);

}  // namespace xos

// Accounts of a node as text for a person.
//
// Owns: the formats of xos account. Pure. Process: the xos command. Trusts: the daemon; control characters
// are shown as '?'.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/json.h"

namespace xos {

struct NodeAccount {
    std::string login, vo;
    uint64_t uid = 0;
    std::optional<std::string> state;  // nothing: the node tells no more than getent(1) to this user
    std::string member_id;
    uint64_t first_used = 0, last_login = 0, purged = 0, delegated_until = 0;  // seconds since 1970; 0: never
    uint64_t sessions = 0, jobs = 0, ended_jobs = 0;
    std::vector<std::string> homes;
};

Outcome<NodeAccount> read_node_account(const JsonNode& node);

std::string account_list_header();
std::string format_account_line(const NodeAccount& account);
// Several lines.
std::string format_account(const NodeAccount& account);

struct PurgeView {
    std::string login;
    uint64_t uid = 0, jobs = 0;
    bool delegated = false;
    std::vector<std::string> homes;
};
Outcome<PurgeView> read_purge_view(const JsonNode& node);
std::string format_purge(const PurgeView& purged, bool dry_run);

}  // namespace xos

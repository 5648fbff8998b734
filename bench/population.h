// The accounts that the contestants of bench/accounts are asked for.
#pragma once

#include <string>
#include <vector>

#include "xosd/identity/accounts_writer.h"

namespace xos::bench {

// Enough that no cache holds what they reach of a million accounts.
inline constexpr size_t kKeysMax = 1 << 18;
inline constexpr size_t kGroups = 10'000;  // each with kGroupMembers accounts
inline constexpr size_t kGroupMembers = 4;
inline constexpr size_t kGroupsOfOne = 64;  // groups that the first account is in besides

struct Population {
    AccountsSnapshot snapshot;  // user number i has the uid kUidMin + i
    // keys() accounts in random order, and as many groups
    std::vector<std::string> names, absent, groups;
    std::vector<uint32_t> uids, gids;
    [[nodiscard]] size_t keys() const { return names.size(); }
};

[[nodiscard]] Population populate(uint32_t users);
// Lines of passwd(5) and group(5)
[[nodiscard]] std::string passwd_lines(const AccountsSnapshot& snapshot);
[[nodiscard]] std::string group_lines(const AccountsSnapshot& snapshot);

}  // namespace xos::bench

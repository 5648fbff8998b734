#include "bench/population.h"

#include <algorithm>
#include <format>
#include <iterator>
#include <numeric>
#include <random>

#include "bench/contest.h"
#include "libxos/names.h"

namespace xos::bench {
namespace {

constexpr uint32_t kBlock = 4u << 20;

}  // namespace

Population populate(uint32_t users) {
    Population all{.snapshot = {.vos = {{"physics", kUidMin, kBlock}}}};
    AccountsSnapshot& snapshot = all.snapshot;
    for (uint32_t i = 1; i <= users; ++i) {
        const std::string user = std::format("frank{:06}", i);
        snapshot.accounts.push_back({.name = user + "@physics",
                                     .uid = kUidMin + i,
                                     .gid = kUidMin + i,
                                     .gecos = std::format("Frank Member {}", i),
                                     .home = "/home/physics/" + user,
                                     .shell = "/bin/bash"});
    }
    std::mt19937 random(2);
    for (uint32_t i = 0; i < kGroups; ++i) {
        GroupEntry group{.name = std::format("team{:05}@physics", i + 1),
                         .gid = kUidMin + first_group_offset(kBlock) + 1 + i};
        const uint32_t distance = kGroups / kGroupsOfOne;
        if (i % distance == 0 && i / distance < kGroupsOfOne)
            group.members.push_back(snapshot.accounts[0].name);
        // from a part of its own each, so that nobody is in a group twice, nor the first account by chance
        for (uint32_t part = 0; part < kGroupMembers; ++part) {
            const uint32_t size = (users - 1) / kGroupMembers;
            group.members.push_back(snapshot.accounts[1 + part * size + random() % size].name);
        }
        snapshot.groups.push_back(std::move(group));
    }
    std::vector<uint32_t> order(users);
    std::iota(order.begin(), order.end(), 0);
    std::ranges::shuffle(order, random);
    for (size_t i = 0; i < std::min<size_t>(users, kKeysMax); ++i) {
        const AccountEntry& account = snapshot.accounts[order[i]];
        all.names.push_back(account.name);
        all.uids.push_back(account.uid);
        all.absent.push_back(std::format("nobody{:06}@physics", i));
        const GroupEntry& group = snapshot.groups[random() % kGroups];
        all.groups.push_back(group.name);
        all.gids.push_back(group.gid);
    }
    return all;
}

std::string passwd_lines(const AccountsSnapshot& snapshot) {
    std::string lines;
    for (const AccountEntry& account : snapshot.accounts)
        std::format_to(std::back_inserter(lines), "{}:*:{}:{}:{}:{}:{}\n", account.name, account.uid,
                       account.gid, account.gecos, account.home, account.shell);
    return lines;
}

std::string group_lines(const AccountsSnapshot& snapshot) {
    std::string lines;
    for (const GroupEntry& group : snapshot.groups) {
        std::format_to(std::back_inserter(lines), "{}:*:{}:", group.name, group.gid);
        for (size_t i = 0; i < group.members.size(); ++i) {
            if (i > 0) lines += ',';
            lines += group.members[i];
        }
        lines += '\n';
    }
    return lines;
}

}  // namespace xos::bench

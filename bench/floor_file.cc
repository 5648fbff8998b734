#include "bench/floor_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cstdio>
#include <string>
#include <unordered_map>

#include "bench/contest.h"
#include "bench/floor.h"
#include "bench/peers.h"

namespace xos::bench {
namespace {

using namespace floor;

template <typename Record>
Record* at_place(std::string& bytes, uint64_t at) {
    return reinterpret_cast<Record*>(bytes.data() + at);
}

template <typename Number>
void append_numbers(std::string& bytes, const std::vector<Number>& numbers) {
    bytes.append(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Number));
}

void pad(std::string& bytes, size_t unit) {
    bytes.resize((bytes.size() + unit - 1) / unit * unit);
}

Table add_table(std::string& bytes, size_t entries) {
    const uint64_t slots = std::bit_ceil(entries * 2 + 1);
    const Table table{bytes.size(), slots - 1};
    bytes.resize(bytes.size() + slots * sizeof(uint64_t));
    return table;
}

void insert(std::string& bytes, const Table& table, uint64_t hash, uint64_t record) {
    uint64_t index = hash & table.mask;
    auto* slots = at_place<uint64_t>(bytes, table.at);
    while (slots[index] != 0) index = (index + 1) & table.mask;
    slots[index] = hash >> 32 << 32 | record;
}

void append_user(std::string& bytes, const AccountEntry& account, const std::vector<uint32_t>& gids) {
    const size_t at = bytes.size();
    std::string text = account.name + '\0';
    User user{.size = 0, .uid = account.uid, .gid = account.gid};
    user.gecos = static_cast<uint16_t>(text.size());
    text += account.gecos + '\0';
    user.home = static_cast<uint16_t>(text.size());
    text += account.home + '\0';
    user.shell = static_cast<uint16_t>(text.size());
    text += account.shell + '\0';
    user.password = static_cast<uint16_t>(text.size());
    text.append("*", 2);
    user.text_size = static_cast<uint32_t>(text.size());
    user.group_count = static_cast<uint32_t>(gids.size());
    bytes.append(reinterpret_cast<const char*>(&user), sizeof user);
    bytes += text;
    pad(bytes, 4);
    append_numbers(bytes, gids);
    pad(bytes, 8);
    at_place<User>(bytes, at)->size = static_cast<uint32_t>(bytes.size() - at);
}

void append_group(std::string& bytes, const GroupEntry& entry) {
    const size_t at = bytes.size();
    std::string text = entry.name + '\0';
    Group group{.size = 0, .gid = entry.gid, .password = static_cast<uint32_t>(text.size())};
    text.append("*", 2);
    std::vector<uint32_t> members;
    for (const std::string& member : entry.members) {
        members.push_back(static_cast<uint32_t>(text.size()));
        text += member + '\0';
    }
    group.text_size = static_cast<uint32_t>(text.size());
    group.member_count = static_cast<uint32_t>(members.size());
    bytes.append(reinterpret_cast<const char*>(&group), sizeof group);
    append_numbers(bytes, members);
    bytes += text;
    pad(bytes, 8);
    at_place<Group>(bytes, at)->size = static_cast<uint32_t>(bytes.size() - at);
}

std::string build(const AccountsSnapshot& snapshot) {
    std::unordered_map<std::string_view, std::vector<uint32_t>> gids;
    for (const GroupEntry& group : snapshot.groups)
        for (const std::string& member : group.members) gids[member].push_back(group.gid);
    Header header{};
    std::string bytes(sizeof header, '\0');
    header.users_by_name = add_table(bytes, snapshot.accounts.size());
    header.users_by_uid = add_table(bytes, snapshot.accounts.size());
    header.groups_by_name = add_table(bytes, snapshot.groups.size());
    header.groups_by_gid = add_table(bytes, snapshot.groups.size());
    pad(bytes, 8);
    header.users.from = bytes.size();
    for (const AccountEntry& account : snapshot.accounts) {
        insert(bytes, header.users_by_name, hash(account.name.data(), account.name.size()), bytes.size());
        insert(bytes, header.users_by_uid, hash(account.uid), bytes.size());
        append_user(bytes, account, gids[account.name]);
    }
    header.users.to = header.groups.from = bytes.size();
    for (const GroupEntry& group : snapshot.groups) {
        insert(bytes, header.groups_by_name, hash(group.name.data(), group.name.size()), bytes.size());
        insert(bytes, header.groups_by_gid, hash(group.gid), bytes.size());
        append_group(bytes, group);
    }
    header.groups.to = bytes.size();
    if (bytes.size() > UINT32_MAX) die("the yardstick's file would be too large");
    bytes.append(64, '\0');  // a comparison of names may look behind the last record
    memcpy(bytes.data(), &header, sizeof header);
    return bytes;
}

}  // namespace

void write_floor(const AccountsSnapshot& snapshot) {
    const std::string fresh = std::string(kFile) + ".new";
    write_file(fresh, build(snapshot), 0644);
    const int before = open(kFile, O_RDWR | O_CLOEXEC);
    if (rename(fresh.c_str(), kFile) != 0) die("cannot replace the yardstick's file");
    const uint64_t retired = 1;
    if (before >= 0 && pwrite(before, &retired, sizeof retired, 0) != sizeof retired)
        die("cannot retire the yardstick's file");
    if (before >= 0) close(before);
}

}  // namespace xos::bench

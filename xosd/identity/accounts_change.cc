#include "xosd/identity/accounts_change.h"

#include <algorithm>
#include <iterator>

#include "libxos/login_name.h"
#include "libxos/names.h"
#include "xosd/identity/accounts_check.h"
#include "xosd/identity/accounts_record.h"

namespace xos {
namespace {

constexpr char kMakeAnew[] = "the accounts file has no place for {}";

std::unexpected<Failure> unplaced(std::string_view what) {
    return failure(Errc::too_small, kMakeAnew, what);
}

// What the file says, with corrupt as a failure of its own.
template <typename View>
Outcome<bool> is_there(const Result<View>& found, std::string_view what) {
    if (found) return true;
    if (found.error().code == Errc::not_found) return false;
    return unplaced(compose("{}: it is corrupt", what));
}

Outcome<VoBlock> find_vo_of(const AccountsFile& file, const std::string& name) {
    const auto parsed = parse_login_name(name);
    if (!parsed) return failure(Errc::invalid, "\"{}\" is no name of an account or group", name);
    const auto vo = file.find_vo(parsed->vo);
    if (!vo) return unplaced(name);
    return *vo;
}

VoEntry entry_of(const VoBlock& vo) {
    return {std::string(vo.vo), vo.base, vo.size};
}

bool has_place(const AccountsArray& array, uint32_t number) {
    return number >= array.first && number - array.first < array.place.slots;
}

class Planner {
  public:
    Planner(const AccountsFile& file, const AccountsChange& change) : file_(file), change_(change) {}
    Outcome<ChangePlan> make();

  private:
    Outcome<void> add_groups();
    Outcome<void> add_account(const AccountsChange::Account& account);
    Outcome<void> add_gone(uint32_t uid);
    Outcome<void> add_memberships(uint32_t number, const std::vector<uint32_t>& before,
                                  const std::vector<uint32_t>& after);
    // The plan of a group that is there already; null: it is not.
    Outcome<ChangePlan::Group*> touch(uint32_t gid);
    void count_room();

    const AccountsFile& file_;
    const AccountsChange& change_;
    ChangePlan plan_;
};

Outcome<ChangePlan::Group*> Planner::touch(uint32_t gid) {
    if (const auto planned = plan_.groups.find(gid); planned != plan_.groups.end()) return &planned->second;
    const auto found = file_.find_group(gid);
    const auto there = is_there(found, "a group");
    if (!there) return std::unexpected(there.error());
    if (!*there) return nullptr;
    ChangePlan::Group group{
        .name = std::string(found->name), .old_name = std::string(found->name), .gid = gid};
    const auto vo = find_vo_of(file_, group.name);
    if (!vo) return std::unexpected(vo.error());
    group.vo = *vo;
    group.flags = found->flags;
    if (found->members != nullptr) group.numbers.assign(found->members, found->members + found->member_count);
    return &plan_.groups.emplace(gid, std::move(group)).first->second;
}

Outcome<void> Planner::add_groups() {
    for (const uint32_t gid : change_.groups_gone) {
        auto group = touch(gid);
        if (!group) return std::unexpected(group.error());
        if (*group != nullptr) (*group)->name.clear();
    }
    for (const GroupEntry& entry : change_.groups) {
        const auto vo = find_vo_of(file_, entry.name);
        if (!vo) return std::unexpected(vo.error());
        if (auto right = check_group(entry_of(*vo), entry); !right) return right;
        if (!has_place(vo->groups, entry.gid - vo->base - first_group_offset(vo->size)))
            return unplaced(entry.name);
        const auto named = file_.find_group(entry.name);
        const auto taken = is_there(named, entry.name);
        if (!taken) return std::unexpected(taken.error());
        if (*taken && named->gid != entry.gid) return unplaced(entry.name);
        auto group = touch(entry.gid);
        if (!group) return std::unexpected(group.error());
        if (*group == nullptr) {
            ChangePlan::Group made{.vo = *vo, .gid = entry.gid};
            made.flags = entry.of_all ? kGroupOfAll : 0;
            *group = &plan_.groups.emplace(entry.gid, std::move(made)).first->second;
        }
        (*group)->name = entry.name;
    }
    return {};
}

Outcome<void> Planner::add_memberships(uint32_t number, const std::vector<uint32_t>& before,
                                       const std::vector<uint32_t>& after) {
    std::vector<uint32_t> changed;
    std::ranges::set_symmetric_difference(before, after, std::back_inserter(changed));
    for (const uint32_t gid : changed) {
        auto group = touch(gid);
        if (!group) return std::unexpected(group.error());
        if (*group == nullptr) return unplaced(compose("a member of the unknown group {}", gid));
        auto& [name, old_name, vo, id, flags, numbers] = **group;
        if ((flags & (kGroupOfAll | kGroupUnlisted)) != 0) continue;
        const auto at = std::ranges::lower_bound(numbers, number);
        const bool joined = std::ranges::binary_search(after, gid);
        if (const bool is_in = at != numbers.end() && *at == number; is_in && !joined)
            numbers.erase(at);
        else if (!is_in && joined)
            numbers.insert(at, number);
        if (numbers.size() <= kListedMembersMax) continue;
        flags |= kGroupUnlisted;
        numbers.clear();
    }
    return {};
}

Outcome<void> Planner::add_account(const AccountsChange::Account& account) {
    const AccountEntry& entry = account.entry;
    const auto vo = find_vo_of(file_, entry.name);
    if (!vo) return std::unexpected(vo.error());
    if (auto right = check_account(entry_of(*vo), entry); !right) return right;
    const uint32_t number = entry.uid - vo->base;
    if (!has_place(vo->users, number)) return unplaced(entry.name);
    const auto named = file_.find_user(entry.name);
    const auto taken = is_there(named, entry.name);
    if (!taken) return std::unexpected(taken.error());
    if (*taken && named->uid != entry.uid) return unplaced(entry.name);
    const auto before = file_.find_user(entry.uid);
    const auto there = is_there(before, entry.name);
    if (!there) return std::unexpected(there.error());
    ChangePlan::Account planned{.to = &account, .vo = *vo, .uid = entry.uid};
    std::vector<uint32_t> old_gids;
    if (*there) {
        planned.old_name = before->name;
        old_gids.assign(before->groups, before->groups + before->group_count);
    }
    plan_.accounts.push_back(std::move(planned));
    return add_memberships(number, old_gids, account.gids);
}

Outcome<void> Planner::add_gone(uint32_t uid) {
    const auto before = file_.find_user(uid);
    const auto there = is_there(before, "an account");
    if (!there) return std::unexpected(there.error());
    if (!*there) return {};
    const auto vo = find_vo_of(file_, std::string(before->name));
    if (!vo) return std::unexpected(vo.error());
    plan_.accounts.push_back({.old_name = std::string(before->name), .vo = *vo, .uid = uid});
    return add_memberships(uid - vo->base, {before->groups, before->groups + before->group_count}, {});
}

void Planner::count_room() {
    for (const ChangePlan::Account& account : plan_.accounts) {
        if (account.to == nullptr) continue;
        plan_.units += units_of(record_bytes(account.to->entry, account.to->gids.size()));
        plan_.names += account.old_name == account.to->entry.name ? 0 : 1;
    }
    for (const auto& [gid, group] : plan_.groups) {
        if (group.name.empty()) continue;
        plan_.units += units_of(group_record_bytes(group.name, group.numbers.size()));
        plan_.group_names += group.name == group.old_name ? 0 : 1;
    }
}

Outcome<ChangePlan> Planner::make() {
    if (auto done = add_groups(); !done) return std::unexpected(done.error());
    for (const uint32_t uid : change_.accounts_gone)
        if (auto done = add_gone(uid); !done) return std::unexpected(done.error());
    for (const AccountsChange::Account& account : change_.accounts)
        if (auto done = add_account(account); !done) return std::unexpected(done.error());
    count_room();
    return std::move(plan_);
}

}  // namespace

Outcome<ChangePlan> plan_change(const AccountsFile& file, const AccountsChange& change) {
    return Planner(file, change).make();
}

}  // namespace xos

#include "xosd/identity/accounts_image.h"

#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>
#include <string_view>
#include <unordered_map>

#include "libxos/names.h"
#include "xosd/identity/accounts_check.h"
#include "xosd/identity/accounts_record.h"

namespace xos {
namespace {

constexpr uint32_t kSlotsMin = 8;
// Room for changes: an eighth of what is there, and so much at least.
constexpr uint32_t kSpareShare = 8, kSpareSlots = 64, kSpareUnits = 8192;

template <typename Entry, typename Id>
std::vector<uint32_t> order_by(const std::vector<Entry>& entries, Id id) {
    std::vector<uint32_t> order(entries.size());
    std::iota(order.begin(), order.end(), 0u);
    std::ranges::sort(order, {}, [&](uint32_t index) { return std::invoke(id, entries[index]); });
    return order;
}

}  // namespace

Outcome<AccountsImage> AccountsImage::plan(const AccountsSnapshot& snapshot, Room room) {
    if (Outcome<void> checked = check_snapshot(snapshot); !checked) return std::unexpected(checked.error());
    AccountsImage image(snapshot, room);
    if (getrandom(&image.seed_, sizeof image.seed_, 0) != sizeof image.seed_)
        return failure_errno(errno, "cannot draw a random seed");
    image.sort_entries();
    if (Outcome<void> single = image.find_doubles(); !single) return std::unexpected(single.error());
    if (Outcome<void> linked = image.link_members(); !linked) return std::unexpected(linked.error());
    if (Outcome<void> placed = image.place_all(); !placed) return std::unexpected(placed.error());
    return image;
}

void AccountsImage::sort_entries() {
    vo_order_ = order_by(snapshot_->vos, &VoEntry::base);
    user_order_ = order_by(snapshot_->accounts, &AccountEntry::uid);
    group_order_ = order_by(snapshot_->groups, &GroupEntry::gid);
}

Outcome<void> AccountsImage::find_doubles() const {
    const auto& accounts = snapshot_->accounts;
    const auto& groups = snapshot_->groups;
    for (size_t i = 1; i < user_order_.size(); ++i)
        if (const auto &a = accounts[user_order_[i - 1]], &b = accounts[user_order_[i]]; a.uid == b.uid)
            return failure(Errc::invalid, "{} and {} have the same uid {}", a.name, b.name, a.uid);
    for (size_t i = 1; i < group_order_.size(); ++i)
        if (const auto &a = groups[group_order_[i - 1]], &b = groups[group_order_[i]]; a.gid == b.gid)
            return failure(Errc::invalid, "{} and {} have the same gid {}", a.name, b.name, a.gid);
    return {};
}

// Resolves the groups' members to accounts, in both directions; finds doubled names on the way.
Outcome<void> AccountsImage::link_members() {
    const auto& accounts = snapshot_->accounts;
    const auto& groups = snapshot_->groups;
    std::unordered_map<std::string_view, uint32_t> names;
    names.reserve(std::max(accounts.size(), groups.size()));
    for (uint32_t i = 0; i < groups.size(); ++i)
        if (!names.emplace(groups[i].name, i).second)
            return failure(Errc::invalid, "the group {} is there twice", groups[i].name);
    names.clear();
    for (uint32_t i = 0; i < accounts.size(); ++i)
        if (!names.emplace(accounts[i].name, i).second)
            return failure(Errc::invalid, "the account {} is there twice", accounts[i].name);

    Rows& members = members_of_groups_;
    members.starts.assign(1, 0);
    for (const GroupEntry& group : groups) {
        const size_t first = members.items.size();
        for (const std::string& member : group.members)
            if (const auto found = names.find(member); found != names.end() && !group.of_all)
                members.items.push_back(found->second);
        const auto begin = members.items.begin() + static_cast<ptrdiff_t>(first);
        std::ranges::sort(begin, members.items.end(), {}, [&](uint32_t user) { return accounts[user].uid; });
        members.items.erase(std::unique(begin, members.items.end()), members.items.end());
        members.starts.push_back(static_cast<uint32_t>(members.items.size()));
    }
    add_back_links();
    return {};
}

// Who is in which groups, from the groups' members.
void AccountsImage::add_back_links() {
    const auto& [vos, accounts, groups] = *snapshot_;
    const Rows& members = members_of_groups_;
    std::vector<std::vector<uint32_t>> of_all(vos.size());  // gids
    for (const uint32_t group : group_order_)
        if (groups[group].of_all) of_all[vo_of(groups[group].gid)].push_back(groups[group].gid);
    std::vector<uint32_t> vo_of_user(accounts.size());
    Rows& back = groups_of_users_;
    back.starts.assign(accounts.size() + 1, 0);
    accounts_of_.assign(vos.size(), 0);
    for (uint32_t i = 0; i < accounts.size(); ++i) {
        vo_of_user[i] = vo_of(accounts[i].uid);
        ++accounts_of_[vo_of_user[i]];
        back.starts[i + 1] = static_cast<uint32_t>(of_all[vo_of_user[i]].size());
    }
    for (const uint32_t user : members.items) ++back.starts[user + 1];
    std::partial_sum(back.starts.begin(), back.starts.end(), back.starts.begin());
    back.items.resize(back.starts.back());
    std::vector<uint32_t> next(back.starts.begin(), back.starts.end() - 1);
    for (uint32_t i = 0; i < accounts.size(); ++i)
        for (const uint32_t gid : of_all[vo_of_user[i]]) back.items[next[i]++] = gid;
    for (const uint32_t group : group_order_)
        for (const uint32_t user : members.row(group)) back.items[next[user]++] = groups[group].gid;
}

// check_snapshot() has seen to it that there is one.
uint32_t AccountsImage::vo_of(uint32_t id) const {
    const auto behind = std::ranges::upper_bound(
        vo_order_, id, {}, [this](uint32_t index) { return snapshot_->vos[index].base; });
    return *std::prev(behind);
}

bool AccountsImage::is_unlisted(uint32_t group) const {
    const GroupEntry& entry = snapshot_->groups[group];
    const uint32_t count = entry.of_all ? accounts_of_[vo_of(entry.gid)] : members_of_groups_.count(group);
    return count > kListedMembersMax;
}

uint32_t AccountsImage::members_in_record(uint32_t group) const {
    return snapshot_->groups[group].of_all || is_unlisted(group) ? 0 : members_of_groups_.count(group);
}

// A slot for each number from the lowest to the highest, and room behind that.
void AccountsImage::place_arrays(uint64_t& unit) {
    const auto& [vos, accounts, groups] = *snapshot_;
    const auto place = [&](const auto& order, const auto& entries, auto id, auto number_of, auto most,
                           std::vector<AccountsArray>& arrays) {
        arrays.assign(vos.size(), {});
        std::vector<uint32_t> end(vos.size(), 0);
        for (const uint32_t i : order) {
            const uint32_t vo = vo_of(entries[i].*id), number = number_of(vo, entries[i].*id);
            if (end[vo] == 0) arrays[vo].first = number;
            end[vo] = number + 1;
        }
        for (uint32_t vo = 0; vo < vos.size(); ++vo) {
            const uint32_t used = end[vo] - arrays[vo].first;
            const uint32_t spare = room_ == Room::none ? 0 : kSpareSlots + used / kSpareShare;
            arrays[vo].place = {static_cast<uint32_t>(unit),
                                used + std::min(spare, most(vo) - arrays[vo].first - used)};
            unit += arrays[vo].place.slots;
        }
    };
    const auto first_group = [&](uint32_t vo) { return first_group_offset(vos[vo].size); };
    place(
        user_order_, accounts, &AccountEntry::uid,
        [&](uint32_t vo, uint32_t uid) { return uid - vos[vo].base; }, first_group, users_of_);
    place(
        group_order_, groups, &GroupEntry::gid,
        [&](uint32_t vo, uint32_t gid) { return gid - vos[vo].base - first_group(vo); },
        [&](uint32_t vo) { return vos[vo].size - first_group(vo); }, groups_of_);
}

Outcome<void> AccountsImage::place_all() {
    const auto& [vos, accounts, groups] = *snapshot_;
    const auto slots_for = [&](size_t entries) {
        const uint64_t spare = room_ == Room::none ? 0 : kSpareSlots;
        return std::bit_ceil(std::max<uint64_t>(kSlotsMin, entries * 2 + spare));
    };
    const uint64_t slots[kAccountsSections] = {slots_for(vos.size()), slots_for(accounts.size()),
                                               slots_for(groups.size()), vos.size(),
                                               vos.size() * kBlockUnits};
    uint64_t unit = units_of(sizeof(AccountsHeader));
    for (size_t i = 0; i < kAccountsSections; ++i) {
        places_[i] = {static_cast<uint32_t>(unit), static_cast<uint32_t>(slots[i])};
        unit += slots[i];
    }
    place_arrays(unit);
    arena_unit_ = static_cast<uint32_t>(unit);
    const auto place_records = [&unit](const std::vector<uint32_t>& order, std::vector<uint32_t>& units,
                                       auto bytes) {
        units.resize(order.size());
        for (const uint32_t index : order) {
            units[index] = static_cast<uint32_t>(unit);
            unit += units_of(bytes(index));
        }
    };
    place_records(vo_order_, vo_units_, [&](uint32_t i) { return record_bytes(vos[i]); });
    place_records(user_order_, user_units_,
                  [&](uint32_t i) { return record_bytes(accounts[i], groups_of_users_.count(i)); });
    place_records(group_order_, group_units_,
                  [&](uint32_t i) { return group_record_bytes(groups[i].name, members_in_record(i)); });
    arena_used_ = static_cast<uint32_t>(unit - arena_unit_);
    if (room_ == Room::some) unit += kSpareUnits + (unit - arena_unit_) / kSpareShare;
    size_ = unit * kAccountsUnit;
    if (size_ > kAccountsSizeMax)
        return failure(Errc::invalid, "{} accounts need {} bytes, an accounts file holds at most {}",
                       accounts.size(), size_, kAccountsSizeMax);
    return {};
}

Outcome<std::string> build_accounts_file(const AccountsSnapshot& snapshot, uint64_t generation) {
    const Outcome<AccountsImage> image = AccountsImage::plan(snapshot, AccountsImage::Room::none);
    if (!image) return std::unexpected(image.error());
    std::string bytes(image->size(), '\0');
    if (Outcome<void> written = image->write(bytes.data(), generation); !written)
        return std::unexpected(written.error());
    return bytes;
}

}  // namespace xos

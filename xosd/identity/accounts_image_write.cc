// AccountsImage: from the plan to the bytes.
#include <algorithm>
#include <cstring>
#include <vector>

#include "libxos/names.h"
#include "xosd/identity/accounts_image.h"
#include "xosd/identity/accounts_record.h"

namespace xos {

void AccountsImage::write_records(char* data) const {
    const auto& [vos, accounts, groups] = *snapshot_;
    for (const uint32_t i : vo_order_) write_record(data, vo_units_[i], vos[i]);
    for (const uint32_t i : user_order_)
        write_record(data, user_units_[i], accounts[i], groups_of_users_.row(i));
    std::vector<uint32_t> numbers;
    for (const uint32_t i : group_order_) {
        const uint32_t vo = vo_of(groups[i].gid);
        const GroupHead head{groups[i].name, groups[i].gid,
                             static_cast<uint16_t>((groups[i].of_all ? kGroupOfAll : 0) |
                                                   (is_unlisted(i) ? kGroupUnlisted : 0)),
                             users_of_[vo]};
        numbers.clear();
        if (members_in_record(i) != 0)
            for (const uint32_t user : members_of_groups_.row(i))
                numbers.push_back(accounts[user].uid - vos[vo].base);
        write_record(data, group_units_[i], head, numbers);
    }
}

void AccountsImage::write_arrays(char* data) const {
    const auto& [vos, accounts, groups] = *snapshot_;
    for (uint32_t vo = 0; vo < vos.size(); ++vo)
        for (const AccountsArray& array : {users_of_[vo], groups_of_[vo]})
            for (uint32_t i = 0; i < array.place.slots; ++i)
                store_slot(data, array.place.unit + i, kSlotEmpty, 0);
    for (uint32_t i = 0; i < vos.size(); ++i) {
        const uint32_t vo = vo_order_[i];
        store_slot(data, place(AccountsSection::vo_list).unit + i, vo_units_[vo], 0);
        const uint32_t at = place(AccountsSection::vo_blocks).unit + i * kBlockUnits;
        AccountsBlock block{vos[vo].base, vos[vo].size, users_of_[vo], groups_of_[vo], 0};
        block.check = layout::block_check(block, at);
        memcpy(data + uint64_t{at} * kAccountsUnit, &block, sizeof block);
    }
    for (uint32_t i = 0; i < accounts.size(); ++i) {
        const uint32_t vo = vo_of(accounts[i].uid);
        const uint32_t index = accounts[i].uid - vos[vo].base - users_of_[vo].first;
        store_slot(data, users_of_[vo].place.unit + index, user_units_[i],
                   accounts[i].listed ? kSlotListed : 0);
    }
    for (uint32_t i = 0; i < groups.size(); ++i) {
        const uint32_t vo = vo_of(groups[i].gid);
        const uint32_t number = groups[i].gid - vos[vo].base - first_group_offset(vos[vo].size);
        store_slot(data, groups_of_[vo].place.unit + number - groups_of_[vo].first, group_units_[i],
                   kSlotListed);
    }
}

uint32_t AccountsImage::insert(char* data, AccountsSection section, uint64_t hash, uint32_t unit) const {
    const AccountsPlace& at = place(section);
    const uint32_t first = layout::hash_index(hash, at.slots);
    for (uint32_t probe = 0;; ++probe) {  // ends: at most half of the slots are ever taken
        const uint32_t slot = at.unit + ((first + probe) & (at.slots - 1));
        const char* there = data + uint64_t{slot} * kAccountsUnit;
        if (layout::slot_unit(layout::load_word(there, sizeof(uint64_t))) != kSlotEmpty) continue;
        store_slot(data, slot, unit, layout::hash_tag(hash));
        return probe;
    }
}

uint32_t AccountsImage::write_tables(char* data) const {
    const auto& [vos, accounts, groups] = *snapshot_;
    for (const auto section : {AccountsSection::by_vo, AccountsSection::by_name, AccountsSection::by_group})
        for (uint32_t index = 0; index < place(section).slots; ++index)
            store_slot(data, place(section).unit + index, kSlotEmpty, 0);
    uint32_t longest = 0;
    const auto add = [&](AccountsSection section, const std::string& name, uint32_t unit) {
        const uint64_t hash = layout::hash_bytes(name.data(), name.size(), seed_);
        longest = std::max(longest, insert(data, section, hash, unit));
    };
    for (const uint32_t i : vo_order_) add(AccountsSection::by_vo, vos[i].vo, vo_units_[i]);
    for (const uint32_t i : user_order_) add(AccountsSection::by_name, accounts[i].name, user_units_[i]);
    for (const uint32_t i : group_order_) add(AccountsSection::by_group, groups[i].name, group_units_[i]);
    return longest;
}

void AccountsImage::write_header(char* data, uint64_t generation) const {
    AccountsHeader header{.abi = kAccountsAbi,
                          .header_size = sizeof header,
                          .file_size = size_,
                          .generation = generation,
                          .seed = seed_,
                          .arena_unit = arena_unit_,
                          .arena_units = static_cast<uint32_t>(size_ / kAccountsUnit - arena_unit_),
                          .probe_max = kAccountsProbeMax};
    const AccountsRoom used{.arena_used = arena_used_,
                            .names_used = static_cast<uint32_t>(snapshot_->accounts.size()),
                            .groups_used = static_cast<uint32_t>(snapshot_->groups.size())};
    memcpy(header.spare, &used, sizeof used);
    memcpy(header.magic, kAccountsMagic, sizeof header.magic);
    memcpy(header.sections, places_, sizeof places_);
    header.check = layout::header_check(&header, sizeof header);
    memcpy(data, &header, sizeof header);
}

Outcome<void> AccountsImage::write(char* data, uint64_t generation) const {
    memset(data, 0, size_);
    write_records(data);
    write_arrays(data);
    // with a random seed and half of the slots free this does not happen
    if (write_tables(data) > kAccountsProbeMax)
        return failure(Errc::conflict, "the accounts' names collide: try again");
    write_header(data, generation);
    return {};
}

}  // namespace xos

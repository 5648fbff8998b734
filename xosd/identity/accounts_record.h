// Records of the accounts file as they are written. Pure.
//
// Owns: the bytes of one record or slot. Process: xosd. Trusts: its caller for the room that it writes to.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "libxos/accounts_layout.h"
#include "xosd/identity/accounts_writer.h"

namespace xos {

inline uint64_t units_of(uint64_t bytes) {
    return (bytes + kAccountsUnit - 1) / kAccountsUnit;
}

// The bytes that a record takes, with so many groups or members in it.
inline size_t record_bytes(const VoEntry& vo) {
    return sizeof(AccountsVoRecord) + vo.vo.size() + 1;
}
inline size_t record_bytes(const AccountEntry& account, size_t groups) {
    return sizeof(AccountsUserRecord) + groups * sizeof(uint32_t) + account.name.size() +
           account.gecos.size() + account.home.size() + account.shell.size() + 4;
}
inline size_t group_record_bytes(std::string_view name, size_t members) {
    return sizeof(AccountsGroupRecord) + members * sizeof(uint32_t) + name.size() + 1;
}

// What a group's record holds beside its members.
struct GroupHead {
    std::string_view name;
    uint32_t gid = 0;
    uint16_t flags = 0;   // kGroupOfAll, kGroupUnlisted
    AccountsArray users;  // of its VO
};

// Each fills the record at unit of the file at data, whose room is zeroed.
void write_record(char* data, uint32_t unit, const VoEntry& vo);
void write_record(char* data, uint32_t unit, const AccountEntry& account, std::span<const uint32_t> gids);
void write_record(char* data, uint32_t unit, const GroupHead& group, std::span<const uint32_t> numbers);

// data is the start of the file; place is in units.
inline void store_slot(char* data, uint32_t place, uint32_t unit, uint16_t tag) {
    const uint64_t slot = layout::make_slot(unit, tag, place);
    memcpy(data + uint64_t{place} * kAccountsUnit, &slot, sizeof slot);
}

}  // namespace xos

// The yardstick of bench/accounts: the least that finding an account in a shared file can cost.
//
// Open-addressing tables over one mapped file; a hit is a hash, a probe, a comparison, one look at a
// "retired" word and one copy of the record. No check of anything: what xos costs above this is the price of
// its safety. It shares no code with xos, so that a change there does not move the yardstick. Read here, made
// by floor_file.cc, served to glibc and SSSD by floor_nss.cc. Process: the bench, its children, SSSD's
// backend.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace xos::bench::floor {

inline constexpr char kFile[] = "/run/xosfloor/accounts";

struct Table {
    uint64_t at,
        mask;  // slots of 64 bits: place of the record, upper half of the hash; 0 where there is none
};
struct Span {
    uint64_t from, to;  // records that lie one behind the other
};
struct Header {
    uint64_t retired;  // not 0: another file has taken this one's place
    Table users_by_name, users_by_uid, groups_by_name, groups_by_gid;
    Span users, groups;
};
// Behind it: text (name NUL gecos NUL home NUL shell NUL "*" NUL), padding to 4, gids of its groups
struct User {
    uint32_t size, uid, gid;
    uint16_t gecos, home, shell, password;  // where they start in the text
    uint32_t text_size, group_count;

    [[nodiscard]] const char* text() const { return reinterpret_cast<const char*>(this + 1); }
    [[nodiscard]] const uint32_t* groups() const {
        return reinterpret_cast<const uint32_t*>(text() + (text_size + 3) / 4 * 4);
    }
};
// Behind it: where each member starts in the text (32 bits each), then name NUL "*" NUL member NUL ..
struct Group {
    uint32_t size, gid, password, text_size, member_count;

    [[nodiscard]] const uint32_t* members() const { return reinterpret_cast<const uint32_t*>(this + 1); }
    [[nodiscard]] const char* text() const { return reinterpret_cast<const char*>(members() + member_count); }
};

inline uint64_t mix(uint64_t a, uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}
inline constexpr uint64_t kMix1 = 0x9E3779B97F4A7C15, kMix2 = 0xD6E8FEB86659FD93;

inline uint64_t hash(const char* name, size_t size) {
    const auto word = [](const char* at, size_t bytes) {
        uint64_t value = 0;
        memcpy(&value, at, bytes);
        return value;
    };
    uint64_t state = size ^ kMix1;
    for (; size > 8; size -= 8, name += 8) state = mix(word(name, 8) ^ kMix2, state);
    uint64_t last = 0;
    for (size_t i = 0; i < size; ++i) last = last << 8 | static_cast<unsigned char>(name[i]);
    return mix(last ^ kMix2, state);
}
inline uint64_t hash(uint32_t id) {
    return mix(id ^ kMix1, kMix2);
}

// The record of a table that accepts() takes; nullptr where there is none.
template <typename Record>
const Record* find(const char* file, const Table& table, uint64_t hash, auto accepts) {
    for (uint64_t index = hash & table.mask;; index = (index + 1) & table.mask) {
        const uint64_t slot = reinterpret_cast<const uint64_t*>(file + table.at)[index];
        if (slot == 0) return nullptr;
        if ((slot ^ hash) >> 32 != 0) continue;  // somebody else's record would have to come from memory
        const auto* record = reinterpret_cast<const Record*>(file + static_cast<uint32_t>(slot));
        if (accepts(*record)) return record;
    }
}
template <typename Record>
const Record* find(const char* file, const Table& table, const char* name, size_t size) {
    return find<Record>(file, table, hash(name, size),
                        [&](const Record& record) { return memcmp(record.text(), name, size + 1) == 0; });
}

}  // namespace xos::bench::floor

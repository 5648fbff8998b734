// The layout of the accounts file, byte for byte.
//
// Owns: what xosd writes and every process maps; nothing else knows an offset. Process: any, modules
// included. Trusts: nothing; a reader checks each number against the mapped size before it follows it.
//
// Header | hash tables and lists of 8-byte slots | arena of immutable records. All numbers little-endian in
// the machine's own width rules (x86-64, aarch64). A slot names a record and is replaced by one release
// store; a record never changes and its room is never used again, so a reader needs no lock and can see no
// torn record. A whole new file is renamed over the old one, and then `retired` is set in the old one.
// Versions: a reader takes files of its own kAccountsAbi only, but any header_size from its own upwards:
// sections added at the end of the header are ignored by modules that were loaded before they existed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace xos {

inline constexpr char kAccountsMagic[8] = {'x', 'o', 's', 'a', 'c', 'c', 't', '\n'};
inline constexpr uint32_t kAccountsAbi = 1;
inline constexpr size_t kAccountsUnit = 8;  // slots count records' places in units of 8 bytes
inline constexpr uint64_t kAccountsSizeMax = uint64_t{1} << 35;  // what 32 bits of units reach
inline constexpr uint32_t kAccountsProbeMax = 4096;  // a chain longer than this is no file of ours

enum class AccountsSection : uint32_t {
    by_vo,       // hash of a VO's name
    by_name,     // hash of an account's name
    by_uid,      // hash of a uid
    by_group,    // hash of a group's name
    by_gid,      // hash of a gid
    vo_list,     // sorted by base
    user_list,   // sorted by uid: what enumeration shows
    group_list,  // sorted by gid: what enumeration shows
};
inline constexpr size_t kAccountsSections = 8;

struct AccountsPlace {
    uint32_t unit;   // first slot, in units from the start of the file
    uint32_t slots;  // for hash sections a power of two
};

struct AccountsHeader {
    char magic[8];
    uint32_t abi;
    uint32_t header_size;  // bytes
    uint64_t check;        // of everything below `spare`, of abi and of header_size
    uint32_t retired;      // not 0: another file has taken this one's place
    uint32_t spare[9];     // the writer's own words, changed in place; never read by modules

    uint64_t file_size;
    uint64_t generation;  // grows with every replacement
    uint64_t seed;        // random: of the hashes, so that nobody can choose names that collide
    uint32_t arena_unit;  // first record
    uint32_t arena_units;
    uint32_t probe_max;  // no chain is longer
    uint32_t reserved;
    AccountsPlace sections[kAccountsSections];
};
inline constexpr size_t kAccountsCheckedFrom = offsetof(AccountsHeader, file_size);
static_assert(kAccountsCheckedFrom == 64 && sizeof(AccountsHeader) == 168);

// A slot: unit of the record (32 bits), tag of the key's hash (16), check (16).
inline constexpr uint32_t kSlotEmpty =
    0;  // ends a chain; its check keeps a page of zeros from meaning "nobody"
inline constexpr uint32_t kSlotTombstone = 1;  // was deleted: a chain goes on over it

enum class AccountsRecordKind : uint16_t { vo = 0x5601, account = 0x5602, group = 0x5603 };

struct AccountsRecordHead {
    uint64_t check;  // of the rest of the record and of its place
    uint32_t size;   // bytes, head included; a multiple of kAccountsUnit
    uint16_t kind;
    uint16_t flags;  // 0
};
// Behind the struct: name NUL
struct AccountsVoRecord {
    AccountsRecordHead head;
    uint32_t base, size;
    uint32_t name_size, reserved;
};
// Behind the struct: gids of its groups (32 bits each), then name NUL gecos NUL home NUL shell NUL
struct AccountsUserRecord {
    AccountsRecordHead head;
    uint32_t uid, gid;
    uint16_t name_size, gecos_size, home_size, shell_size;  // without the NUL
    uint32_t group_count, reserved;
};
// Behind the struct: units of the members' account records (32 bits each), then name NUL
struct AccountsGroupRecord {
    AccountsRecordHead head;
    uint32_t gid, name_size;
    uint32_t member_count, reserved;
};
static_assert(sizeof(AccountsRecordHead) == 16 && sizeof(AccountsVoRecord) == 32);
static_assert(sizeof(AccountsUserRecord) == 40 && sizeof(AccountsGroupRecord) == 32);

namespace layout {

inline uint64_t load_word(const void* at, size_t size) {
    uint64_t word = 0;
    memcpy(&word, at, size);
    return word;
}

inline uint64_t fold_multiply(uint64_t a, uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline constexpr uint64_t kMix1 = 0x9E3779B97F4A7C15, kMix2 = 0xD6E8FEB86659FD93, kMix3 = 0xA0761D6478BD642F;

// A seeded 64-bit hash of size bytes. Not for secrets: its seed is world-readable.
inline uint64_t hash_bytes(const void* data, size_t size, uint64_t seed) {
    const char* at = static_cast<const char*>(data);
    uint64_t state = fold_multiply(seed ^ kMix1, size ^ kMix2);
    size_t left = size;
    if (left > 48) {
        // two chains of multiplications at once: a record's check is most of what a hit computes
        uint64_t other = state ^ kMix2;
        for (; left > 32; left -= 32, at += 32) {
            state = fold_multiply(load_word(at, 8) ^ kMix3, load_word(at + 8, 8) ^ state);
            other = fold_multiply(load_word(at + 16, 8) ^ kMix1, load_word(at + 24, 8) ^ other);
        }
        state = fold_multiply(state ^ kMix3, other ^ kMix1);
    }
    for (; left > 16; left -= 16, at += 16)
        state = fold_multiply(load_word(at, 8) ^ kMix3, load_word(at + 8, 8) ^ state);
    uint64_t first = 0, last = 0;
    if (left >= 8) {
        first = load_word(at, 8);
        last = load_word(at + left - 8, 8);
    } else if (left >= 4) {
        first = load_word(at, 4);
        last = load_word(at + left - 4, 4);
    } else if (left > 0) {
        first = load_word(at, 1) | load_word(at + left / 2, 1) << 8 | load_word(at + left - 1, 1) << 16;
    }
    return fold_multiply(fold_multiply(first ^ kMix2, last ^ state) ^ kMix3, state ^ kMix1);
}

inline uint64_t hash_number(uint32_t number, uint64_t seed) {
    return fold_multiply(fold_multiply(number ^ kMix2, seed ^ kMix1) ^ kMix3, seed ^ kMix2);
}

// Where a key's chain starts and what its slots carry.
inline uint32_t hash_index(uint64_t hash, uint32_t slots) {
    return static_cast<uint32_t>(hash) & (slots - 1);
}
inline uint16_t hash_tag(uint64_t hash) {
    return static_cast<uint16_t>(hash >> 48);
}

// The check holds the slot's own section and index, so that a block of the file in a wrong place is noticed
// too. Any single wrong byte changes it.
inline uint16_t slot_check(uint32_t unit, uint16_t tag, AccountsSection section, uint32_t index) {
    const uint32_t place = (static_cast<uint32_t>(section) + 1) * 0x9E37u ^ index ^ index >> 16;
    return static_cast<uint16_t>(unit ^ unit >> 16 ^ tag ^ place ^ 0xA55A);
}
inline uint64_t make_slot(uint32_t unit, uint16_t tag, AccountsSection section, uint32_t index) {
    return unit | static_cast<uint64_t>(tag) << 32 |
           static_cast<uint64_t>(slot_check(unit, tag, section, index)) << 48;
}
inline uint32_t slot_unit(uint64_t slot) {
    return static_cast<uint32_t>(slot);
}
inline uint16_t slot_tag(uint64_t slot) {
    return static_cast<uint16_t>(slot >> 32);
}
inline bool slot_holds(uint64_t slot, AccountsSection section, uint32_t index) {
    return slot_check(slot_unit(slot), slot_tag(slot), section, index) == slot >> 48;
}

// record: size bytes that start at unit of the file.
inline uint64_t record_check(const void* record, uint32_t size, uint32_t unit) {
    return hash_bytes(static_cast<const char*>(record) + 8, size - 8, unit * kMix2);
}
// header: its first header_size bytes; header_size is at least sizeof(AccountsHeader).
inline uint64_t header_check(const void* header, uint32_t header_size) {
    const char* at = static_cast<const char*>(header);
    return hash_bytes(at + kAccountsCheckedFrom, header_size - kAccountsCheckedFrom, load_word(at + 8, 8));
}

}  // namespace layout
}  // namespace xos

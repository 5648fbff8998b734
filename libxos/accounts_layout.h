// The layout of the accounts file, byte for byte.
//
// Owns: what xosd writes and every process maps; nothing else knows an offset. Process: any, modules
// included. Trusts: nothing; a reader checks each number against the mapped size before it follows it.
//
// Header | hash tables and lists of 8-byte slots | a VO's arrays of slots, by number | arena of immutable
// records, with room at its end. All numbers little-endian in the machine's own width rules (x86-64,
// aarch64). A slot names a record and is replaced by one release store; a record never changes and its room
// is never used again, so a reader needs no lock and can see no torn record, and a writer may die at any
// instruction. What finds no room goes into a whole new file, which is renamed over the old one; then
// `retired` is set in the old one. Versions: a reader takes files of its own kAccountsAbi only, but any
// header_size from its own upwards: sections added at the end of the header are ignored by modules that were
// loaded before they existed, and so are bytes behind what a record's struct and texts take.
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
    by_vo,      // hash of a VO's name
    by_name,    // hash of an account's name
    by_group,   // hash of a group's name
    vo_list,    // the VOs, in the order of their blocks
    vo_blocks,  // no slots, but an AccountsBlock for each VO, ascending
};
inline constexpr size_t kAccountsSections = 5;

struct AccountsPlace {
    uint32_t unit;   // first slot, in units from the start of the file
    uint32_t slots;  // for hash sections a power of two
};
// Slots by number: of members, whose numbers the VO gives, or of groups.
struct AccountsArray {
    uint32_t first;  // the number of the first slot
    AccountsPlace place;
};

// The ids of a VO and where to find them. Never changes.
struct AccountsBlock {
    uint32_t base, size;
    AccountsArray users, groups;
    uint64_t check;  // of all above and of its place
};
inline constexpr uint32_t kBlockUnits = sizeof(AccountsBlock) / kAccountsUnit;
static_assert(sizeof(AccountsBlock) == 40);

struct AccountsHeader {
    char magic[8];
    uint32_t abi;
    uint32_t header_size;  // bytes
    uint64_t check;        // of everything below `spare`, of abi and of header_size
    uint32_t retired;      // not 0: another file has taken this one's place
    uint32_t spare[9];     // the writer's own words (AccountsRoom), changed in place; never read by modules

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
static_assert(kAccountsCheckedFrom == 64 && sizeof(AccountsHeader) == 144);

// At the start of spare: what the writer has used.
struct AccountsRoom {
    uint32_t arena_used;   // units
    uint32_t names_used;   // slots of by_name, tombstones among them
    uint32_t groups_used;  // slots of by_group
};

// A slot: unit of the record (32 bits), tag (16): of the key's hash in tables, flags in arrays; check (16).
inline constexpr uint32_t kSlotEmpty =
    0;  // ends a chain; its check keeps a page of zeros from meaning "nobody"
inline constexpr uint32_t kSlotTombstone = 1;  // was deleted: a chain goes on over it
inline constexpr uint16_t kSlotListed = 1;     // flag in an array: enumeration shows it

enum class AccountsRecordKind : uint16_t { vo = 0x5601, account = 0x5602, group = 0x5603 };

struct AccountsRecordHead {
    uint64_t check;  // of the rest of the record and of its place
    uint32_t size;   // bytes, head included; a multiple of kAccountsUnit
    uint16_t kind;
    uint16_t flags;
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
// Behind the struct: the members' numbers (32 bits each), then name NUL
struct AccountsGroupRecord {
    AccountsRecordHead head;
    uint32_t gid, name_size;
    uint32_t member_count;
    AccountsArray users;  // of its VO
};
inline constexpr uint16_t kGroupOfAll = 1;     // head.flags: every account of its VO is in it
inline constexpr uint16_t kGroupUnlisted = 2;  // its members are not listed here, only in their own records
static_assert(sizeof(AccountsRecordHead) == 16 && sizeof(AccountsVoRecord) == 32);
static_assert(sizeof(AccountsUserRecord) == 40 && sizeof(AccountsGroupRecord) == 40);

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

// The check holds the slot's own place in the file, in units, so that a block of the file in a wrong place is
// noticed too. Any single wrong byte changes it.
inline uint16_t slot_check(uint32_t unit, uint16_t tag, uint32_t place) {
    return static_cast<uint16_t>(unit ^ unit >> 16 ^ tag ^ place ^ place >> 16 ^ 0xA55A);
}
inline uint64_t make_slot(uint32_t unit, uint16_t tag, uint32_t place) {
    return unit | static_cast<uint64_t>(tag) << 32 |
           static_cast<uint64_t>(slot_check(unit, tag, place)) << 48;
}
inline uint32_t slot_unit(uint64_t slot) {
    return static_cast<uint32_t>(slot);
}
inline uint16_t slot_tag(uint64_t slot) {
    return static_cast<uint16_t>(slot >> 32);
}
inline bool slot_holds(uint64_t slot, uint32_t place) {
    return slot_check(slot_unit(slot), slot_tag(slot), place) == slot >> 48;
}

// The check of size bytes, a multiple of 8, at place: sums of products of neighbours, which the processor
// computes side by side. (A hash takes four times as long, and this is in the way of every hit.) A word that
// is wrong changes its product, as the other factor is not 0.
inline uint64_t words_check(const void* data, size_t size, uint32_t place) {
    __extension__ using Wide = unsigned __int128;
    const char* at = static_cast<const char*>(data);
    uint64_t low = 0, high = 0, key = place * kMix2 ^ kMix1, other = kMix3;
    for (; size >= 16; size -= 16, at += 16, key += kMix1, other += kMix2) {
        const Wide product = static_cast<Wide>(load_word(at, 8) + key) * (load_word(at + 8, 8) + other);
        low += static_cast<uint64_t>(product);
        high += static_cast<uint64_t>(product >> 64);
    }
    if (size != 0) {
        const Wide product = static_cast<Wide>(load_word(at, 8) + key) * other;
        low += static_cast<uint64_t>(product);
        high += static_cast<uint64_t>(product >> 64);
    }
    return fold_multiply(low ^ kMix2, high ^ key);
}

// record: size bytes that start at unit of the file.
inline uint64_t record_check(const void* record, uint32_t size, uint32_t unit) {
    return words_check(static_cast<const char*>(record) + 8, size - 8, unit);
}
inline uint64_t block_check(const AccountsBlock& block, uint32_t place) {
    return words_check(&block, offsetof(AccountsBlock, check), place);
}
// header: its first header_size bytes; header_size is at least sizeof(AccountsHeader).
inline uint64_t header_check(const void* header, uint32_t header_size) {
    const char* at = static_cast<const char*>(header);
    return hash_bytes(at + kAccountsCheckedFrom, header_size - kAccountsCheckedFrom, load_word(at + 8, 8));
}

}  // namespace layout
}  // namespace xos

#include "xosd/identity/uid_ledger.h"

#include <algorithm>
#include <bit>
#include <ctime>

#include "libxos/login_name.h"
#include "libxos/names.h"

namespace xos {
namespace {

constexpr const char* kSchema[] = {
    "CREATE TABLE uid_blocks("
    " vo_id TEXT PRIMARY KEY, vo TEXT NOT NULL UNIQUE, base INTEGER NOT NULL UNIQUE, size INTEGER NOT NULL,"
    " node_local INTEGER NOT NULL) STRICT;"
    "CREATE TABLE uids("
    " uid INTEGER PRIMARY KEY, vo_id TEXT NOT NULL REFERENCES uid_blocks(vo_id), number INTEGER NOT NULL,"
    " member_id TEXT NOT NULL, login_name TEXT NOT NULL, first_used INTEGER NOT NULL,"
    " UNIQUE(vo_id, member_id)) STRICT;",
    "ALTER TABLE uids ADD COLUMN purged INTEGER NOT NULL DEFAULT 0",
};

enum Query {
    kInsertBlock,
    kSelectBlock,
    kSelectBlocks,
    kSelectUid,
    kSelectMember,
    kInsertUid,
    kRename,
    kSelectUids,
    kNotePurged,
    kQueries
};
constexpr const char* kSql[kQueries] = {
    "INSERT INTO uid_blocks(vo_id, vo, base, size, node_local) VALUES (?1, ?2, ?3, ?4, ?5)",
    "SELECT vo, vo_id, base, size, node_local FROM uid_blocks WHERE vo_id = ?1",
    "SELECT vo, vo_id, base, size, node_local FROM uid_blocks ORDER BY base",
    "SELECT u.uid, b.vo, u.vo_id, u.number, u.member_id, u.login_name, u.first_used, u.purged"
    " FROM uids u JOIN uid_blocks b USING(vo_id) WHERE u.uid = ?1",
    "SELECT uid FROM uids WHERE vo_id = ?1 AND member_id = ?2",
    "INSERT INTO uids(uid, vo_id, number, member_id, login_name, first_used) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    "UPDATE uids SET login_name = ?2 WHERE uid = ?1",
    "SELECT u.uid, b.vo, u.vo_id, u.number, u.member_id, u.login_name, u.first_used, u.purged"
    " FROM uids u JOIN uid_blocks b USING(vo_id) WHERE u.uid BETWEEN ?1 AND ?2 ORDER BY u.uid LIMIT ?3",
    "UPDATE uids SET purged = ?2 WHERE uid = ?1",
};

LedgerBlock read_block(const Statement& row) {
    return {.vo = std::string(row.text(0)),
            .vo_id = std::string(row.text(1)),
            .base = static_cast<uint32_t>(row.number(2)),
            .size = static_cast<uint32_t>(row.number(3)),
            .node_local = row.number(4) != 0};
}

LedgerEntry read_entry(const Statement& row) {
    return {.uid = static_cast<uint32_t>(row.number(0)),
            .vo = std::string(row.text(1)),
            .member = {.vo_id = std::string(row.text(2)),
                       .number = static_cast<uint32_t>(row.number(3)),
                       .member_id = std::string(row.text(4)),
                       .login_name = std::string(row.text(5))},
            .first_used = row.number(6),
            .purged = row.number(7)};
}

bool overlaps(const LedgerBlock& a, const LedgerBlock& b) {
    return a.base < b.base ? b.base - a.base < a.size : a.base - b.base < b.size;
}

bool is_in_range(uint32_t base, uint32_t size) {
    return base >= kUidMin && base <= kUidMax && size - 1 <= kUidMax - base;
}

// The clash of block with what is there; empty where there is none.
std::string find_clash(const LedgerBlock& block, const std::vector<LedgerBlock>& blocks,
                       const LocalIds& local) {
    for (const LedgerBlock& other : blocks)
        if (overlaps(block, other))
            return compose("VO {}, whose block is {}-{}", other.vo, other.base,
                           other.base + (other.size - 1));
    if (const LocalIds::Range* range = local.find_clash(block.base, block.size); range != nullptr)
        return range->count == 1
                   ? compose("{}, whose id is {}", range->owner, range->first)
                   : compose("{}, which are {} ids from {}", range->owner, range->count, range->first);
    return {};
}

Outcome<void> check_vo(const std::string& vo, const std::string& vo_id, uint32_t size) {
    if (!is_vo_name(vo) || vo_id.empty()) return failure(Errc::invalid, "\"{}\" is no name of a VO", vo);
    if (!std::has_single_bit(size) || size < kBlockSize || size > kBlockSizeMax)
        return failure(Errc::invalid, "VO {} asks for {} ids; a block is a power of two from {} to {}", vo,
                       size, kBlockSize, kBlockSizeMax);
    return {};
}

// The base that vo_id has already; Errc::not_found where it has none; Errc::conflict where it has, but not
// like this.
Outcome<uint32_t> find_recorded(const std::vector<LedgerBlock>& blocks, const std::string& vo,
                                const std::string& vo_id, uint32_t size) {
    for (const LedgerBlock& block : blocks) {
        if (block.vo_id != vo_id && block.vo == vo)
            return failure(
                Errc::conflict,
                "the VO with id {} is named {}, but that name belongs to the VO with id {} on this node",
                vo_id, vo, block.vo_id);
        if (block.vo_id != vo_id) continue;
        if (block.vo != vo)
            return failure(Errc::conflict,
                           "the VO with id {} is named {}, but is recorded as {} on this node", vo_id, vo,
                           block.vo);
        if (block.size != size)
            return failure(Errc::conflict,
                           "VO {} asks for {} ids, but its block on this node has {} and cannot grow", vo,
                           size, block.size);
        return block.base;
    }
    return failure(Errc::not_found, "VO {} has no block on this node", vo);
}

}  // namespace

Outcome<UidLedger> UidLedger::open(Database& database) {
    if (Outcome<void> made = database.migrate("uid_ledger", kSchema); !made)
        return std::unexpected(made.error());
    UidLedger ledger;
    for (const char* sql : kSql) {
        Outcome<Statement> statement = database.prepare(sql);
        if (!statement) return std::unexpected(statement.error());
        ledger.statements_.push_back(std::move(*statement));
    }
    return ledger;
}

Outcome<std::vector<LedgerBlock>> UidLedger::list_blocks() {
    std::vector<LedgerBlock> blocks;
    Statement& select = statements_[kSelectBlocks];
    select.reset();
    for (;;) {
        const Outcome<bool> row = select.step();
        if (!row) return std::unexpected(row.error());
        if (!*row) return blocks;
        blocks.push_back(read_block(select));
    }
}

Outcome<LedgerBlock> UidLedger::find_block(const std::string& vo_id) {
    Statement& select = statements_[kSelectBlock];
    if (Outcome<void> bound = select.bind(vo_id); !bound) return std::unexpected(bound.error());
    const Outcome<bool> row = select.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return failure(Errc::not_found, "the VO with id {} has no block on this node", vo_id);
    LedgerBlock block = read_block(select);
    select.reset();
    return block;
}

Outcome<uint32_t> UidLedger::store_block(const LedgerBlock& block, const std::vector<LedgerBlock>& blocks,
                                         const LocalIds& local) {
    if (const std::string clash = find_clash(block, blocks, local); !clash.empty())
        return failure(
            Errc::conflict,
            "the block {}-{} of VO {} clashes with {}; 'accounts: {{on-clash: local-uids}}' in the node's "
            "configuration gives the VO other uids, of this node alone",
            block.base, block.base + (block.size - 1), block.vo, clash);
    if (Outcome<void> done = statements_[kInsertBlock].run(block.vo_id, block.vo, block.base, block.size,
                                                           static_cast<int64_t>(block.node_local));
        !done)
        return std::unexpected(done.error());
    return block.base;
}

Outcome<uint32_t> UidLedger::reserve_block(const std::string& vo, const std::string& vo_id,
                                           uint32_t proposed_base, uint32_t size, const LocalIds& local) {
    if (Outcome<void> checked = check_vo(vo, vo_id, size); !checked) return std::unexpected(checked.error());
    const Outcome<std::vector<LedgerBlock>> blocks = list_blocks();
    if (!blocks) return std::unexpected(blocks.error());
    Outcome<uint32_t> recorded = find_recorded(*blocks, vo, vo_id, size);
    if (recorded || recorded.error().code != Errc::not_found) return recorded;
    if (!is_in_range(proposed_base, size) || proposed_base % size != 0)
        return failure(Errc::invalid,
                       "VO {} proposes the base {} for {} ids; it must be a multiple of {} in {}-{}", vo,
                       proposed_base, size, size, kUidMin, kUidMax);
    return store_block({vo, vo_id, proposed_base, size, false}, *blocks, local);
}

Outcome<uint32_t> UidLedger::reserve_local_block(const std::string& vo, const std::string& vo_id,
                                                 uint32_t size, const LocalIds& local) {
    if (Outcome<void> checked = check_vo(vo, vo_id, size); !checked) return std::unexpected(checked.error());
    const Outcome<std::vector<LedgerBlock>> blocks = list_blocks();
    if (!blocks) return std::unexpected(blocks.error());
    Outcome<uint32_t> recorded = find_recorded(*blocks, vo, vo_id, size);
    if (recorded || recorded.error().code != Errc::not_found) return recorded;
    // from above: VOs are proposed bases from below
    for (uint32_t base = (kUidMax - size + 1) / size * size; is_in_range(base, size); base -= size) {
        const LedgerBlock block{vo, vo_id, base, size, true};
        if (find_clash(block, *blocks, local).empty()) return store_block(block, *blocks, local);
    }
    return failure(Errc::unavailable, "no block of {} ids is free on this node for VO {}", size, vo);
}

Outcome<LedgerEntry> UidLedger::find_uid(uint32_t uid) {
    Statement& select = statements_[kSelectUid];
    if (Outcome<void> bound = select.bind(uid); !bound) return std::unexpected(bound.error());
    const Outcome<bool> row = select.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return failure(Errc::not_found, "uid {} was never used on this node", uid);
    LedgerEntry entry = read_entry(select);
    select.reset();
    return entry;
}

Outcome<std::vector<LedgerEntry>> UidLedger::list_uids(uint32_t first, uint32_t last, size_t max) {
    std::vector<LedgerEntry> entries;
    Statement& select = statements_[kSelectUids];
    if (Outcome<void> bound = select.bind(first, last, static_cast<int64_t>(max)); !bound)
        return std::unexpected(bound.error());
    for (;;) {
        const Outcome<bool> row = select.step();
        if (!row) return std::unexpected(row.error());
        if (!*row) return entries;
        entries.push_back(read_entry(select));
    }
}

Outcome<void> UidLedger::note_purged(uint32_t uid) {
    return statements_[kNotePurged].run(uid, static_cast<int64_t>(time(nullptr)));
}

Outcome<void> UidLedger::check_name(const LedgerMember& member, const LedgerBlock& block,
                                    const LocalIds& local) const {
    const std::optional<LoginName> name = parse_login_name(member.login_name);
    if (!name || name->vo != block.vo)
        return failure(Errc::invalid, "\"{}\" is no login name of VO {}", member.login_name, block.vo);
    if (local.has_user(member.login_name))
        return failure(Errc::conflict, "{} of VO {} has the name of a local user, who keeps it",
                       member.login_name, block.vo);
    return {};
}

Outcome<void> UidLedger::record(uint32_t uid, const LedgerMember& member, const LocalIds& local) {
    const Outcome<LedgerBlock> block = find_block(member.vo_id);
    if (!block) return std::unexpected(block.error());
    if (member.member_id.empty() || member.number == 0 || member.number >= first_group_offset(block->size) ||
        uid != block->base + member.number)
        return failure(Errc::invalid, "uid {} is not member number {} of VO {}, whose block starts at {}",
                       uid, member.number, block->vo, block->base);
    if (Outcome<void> named = check_name(member, *block, local); !named) return named;

    const Outcome<LedgerEntry> known = find_uid(uid);
    if (!known && known.error().code != Errc::not_found) return std::unexpected(known.error());
    if (known) {
        if (known->member.member_id != member.member_id)
            return failure(Errc::conflict, "uid {} was {} ({}) on this node and cannot become {} ({})", uid,
                           known->member.login_name, known->member.member_id, member.login_name,
                           member.member_id);
        if (known->member.login_name == member.login_name) return {};
        return statements_[kRename].run(uid, member.login_name);
    }
    Statement& select = statements_[kSelectMember];
    if (Outcome<void> bound = select.bind(member.vo_id, member.member_id); !bound) return bound;
    const Outcome<bool> row = select.step();
    if (!row) return std::unexpected(row.error());
    const int64_t had = *row ? select.number(0) : 0;
    select.reset();
    if (had != 0)
        return failure(Errc::conflict, "{} ({}) had uid {} on this node and cannot get {}", member.login_name,
                       member.member_id, had, uid);
    return statements_[kInsertUid].run(uid, member.vo_id, member.number, member.member_id, member.login_name,
                                       static_cast<int64_t>(time(nullptr)));
}

}  // namespace xos

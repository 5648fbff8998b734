// The node's memory of every block and every uid that was ever used here.
//
// Owns: the tables uid_blocks and uids of the state database. Process: xosd. Trusts: that VO ids, member
// numbers and member ids come from verified signed records; the database. What is recorded stays for good: a
// uid that once was somebody's is never anybody else's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/failure.h"
#include "common/sqlite.h"
#include "xosd/identity/local_ids.h"

namespace xos {

struct LedgerBlock {
    std::string vo, vo_id;
    uint32_t base = 0, size = 0;
    bool node_local = false;  // not the base that the VO proposes: volumes shared between nodes must stay off
};
struct LedgerMember {
    std::string vo_id;
    uint32_t number = 0;     // the VO's, from the signed member record
    std::string member_id;   // UUID
    std::string login_name;  // user1@physics
};
struct LedgerEntry {
    uint32_t uid = 0;
    std::string vo;
    LedgerMember member;
    int64_t first_used = 0;  // seconds since the epoch
    int64_t purged = 0;      // when what its owner left here was removed; 0: never
};

class UidLedger {
  public:
    // database must outlive the ledger. Makes the tables where they are missing.
    [[nodiscard]] static Outcome<UidLedger> open(Database& database);

    // The base of the VO's block on this node; reserves proposed_base for a VO that has none yet. A block
    // once reserved stays where it is: a VO that proposes another base later gets its recorded one.
    // Errc::conflict, naming both parties: a block of another VO, a local id or subordinate ids lie in it,
    // the name is another VO's, or the recorded size is another. Errc::invalid: size is no power of two in
    // kBlockSize-kBlockSizeMax, base is no multiple of it, or the block leaves kUidMin-kUidMax.
    [[nodiscard]] Outcome<uint32_t> reserve_block(const std::string& vo, const std::string& vo_id,
                                                  uint32_t proposed_base, uint32_t size,
                                                  const LocalIds& local);
    // The same for a VO whose proposed block clashes: the highest free base on this node, recorded as
    // node-local. Errc::unavailable: no room is left.
    [[nodiscard]] Outcome<uint32_t> reserve_local_block(const std::string& vo, const std::string& vo_id,
                                                        uint32_t size, const LocalIds& local);

    // Notes that uid is member's. Errc::conflict: it was another subject's, member had another number, or a
    // local user has the login name (then the local one wins). Errc::invalid: uid is not what the block and
    // number say. Again with the same member: only a changed login name is noted. For many, put a Transaction
    // around the calls.
    [[nodiscard]] Outcome<void> record(uint32_t uid, const LedgerMember& member, const LocalIds& local);

    // Errc::not_found: never used here, or no such VO.
    [[nodiscard]] Outcome<LedgerEntry> find_uid(uint32_t uid);
    [[nodiscard]] Outcome<LedgerBlock> find_block(const std::string& vo_id);
    [[nodiscard]] Outcome<std::vector<LedgerBlock>> list_blocks();
    // By uid, from first to last, at most max of them: a ledger may hold millions.
    [[nodiscard]] Outcome<std::vector<LedgerEntry>> list_uids(uint32_t first, uint32_t last, size_t max);

    // Notes that what the owner of uid left here was removed now. The uid stays his.
    [[nodiscard]] Outcome<void> note_purged(uint32_t uid);

  private:
    UidLedger() = default;
    [[nodiscard]] Outcome<uint32_t> store_block(const LedgerBlock& block,
                                                const std::vector<LedgerBlock>& blocks,
                                                const LocalIds& local);
    [[nodiscard]] Outcome<void> check_name(const LedgerMember& member, const LedgerBlock& block,
                                           const LocalIds& local) const;
    std::vector<Statement> statements_;  // prepared once; see Query in uid_ledger.cc
};

}  // namespace xos

// One commit of changed members, with the groups that they are the first to need.
//
// Owns: the numbers it gives, out of the head that it commits with them: two batches that were begun with one
// head cannot both be committed, so no number is given twice. Process: xos-cda. Trusts: nothing in a member.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "cda/vo_registry.h"

namespace xos {

class MemberBatch {
  public:
    // vo outlives the batch.
    static Outcome<MemberBatch> begin(VoRegistry& records, const VoRecord& vo);

    uint64_t serial() const { return head_.value.serial; }  // of the content that it changes
    // Whether another member like this one fits into the commit.
    bool has_room(const Member& member) const;
    // Number 0: the next one is given. revision 0: the name must be free. The member as it will be.
    Outcome<Member> put(Kept<Member> member);
    bool empty() const { return changes_.empty(); }
    // Errc::conflict: somebody else changed the VO; begin again.
    Outcome<void> commit();

  private:
    MemberBatch(VoRegistry& records, const VoRecord& vo, Kept<VoHead> head)
        : records_(&records), vo_(&vo), head_(head) {}
    Outcome<void> need_group(const std::string& name);

    VoRegistry* records_;
    const VoRecord* vo_;
    Kept<VoHead> head_;
    std::vector<RegistryChange> changes_;
    std::unordered_set<std::string> groups_;  // known to exist, or made by this batch
};

}  // namespace xos

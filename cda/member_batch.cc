#include "cda/member_batch.h"

namespace xos {
namespace {

// What a commit may hold besides the head and what else VoRegistry::commit() adds.
constexpr size_t kChangesMax = kRegistryChangesMax - 4;

}  // namespace

Outcome<MemberBatch> MemberBatch::begin(VoRegistry& records, const VoRecord& vo) {
    auto head = records.read_head(vo.name);
    if (!head) return std::unexpected(head.error());
    return MemberBatch(records, vo, *head);
}

bool MemberBatch::has_room(const Member& member) const {
    return changes_.size() + 1 + member.groups.size() <= kChangesMax;  // as if all groups were new
}

Outcome<void> MemberBatch::need_group(const std::string& name) {
    if (groups_.contains(name)) return {};
    const auto there = records_->read_group(*vo_, name);
    if (!there) return std::unexpected(there.error());
    if (there->revision == 0) {
        const Group added{name, head_.value.next_group++};
        if (auto good = check_group(added, vo_->block_size); !good) return good;
        changes_.push_back(VoRegistry::add_group(vo_->name, added));
    }
    groups_.insert(name);
    return {};
}

Outcome<Member> MemberBatch::put(Kept<Member> member) {
    Member& value = member.value;
    if (value.number == 0) {
        value.number = head_.value.next_member++;
        if (value.number >= first_group_offset(vo_->block_size))
            return failure(Errc::unavailable, "the VO {} has given away all its member numbers", vo_->name);
    }
    if (auto good = check_member(value, vo_->block_size); !good) return std::unexpected(good.error());
    changes_.push_back(VoRegistry::change_member(vo_->name, member));
    for (const std::string& name : value.groups)
        if (auto made = need_group(name); !made) return std::unexpected(made.error());
    if (changes_.size() > kChangesMax)
        return failure(Errc::invalid, "{}@{}: too many new groups at once, at most {}", value.name, vo_->name,
                       kChangesMax - 1);
    return value;
}

Outcome<void> MemberBatch::commit() {
    return records_->commit(vo_->name, head_, std::move(changes_));
}

}  // namespace xos

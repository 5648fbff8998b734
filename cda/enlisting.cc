// Authority: many members at once, from a parsed file, in as many commits as it takes.
#include <algorithm>
#include <unordered_map>

#include "cda/authority.h"
#include "cda/member_batch.h"
#include "common/uuid.h"

namespace xos {
namespace {

std::string identity_key(const GridIdentity& identity) {
    return identity.issuer + '\n' + identity.subject;
}

// The members there are, as the rows of a file are compared with them.
struct Roll {
    uint64_t serial = 0;  // of the content that it was read from
    std::unordered_map<std::string, Member> members;
    std::unordered_map<std::string, std::string> owners;  // of identities

    void take(const Member& member) {
        for (const GridIdentity& identity : member.identities) owners[identity_key(identity)] = member.name;
        members[member.name] = member;
    }
};

Outcome<Roll> read_roll(VoRegistry& records, const VoRecord& vo) {
    Roll roll;
    const auto head = records.read_head(vo.name);
    if (!head) return std::unexpected(head.error());
    roll.serial = head->value.serial;
    const auto members = records.list_members(vo);
    if (!members) return std::unexpected(members.error());
    for (const Member& member : *members) roll.take(member);
    return roll;
}

// The member that row makes of the one that is there, if any. Number 0: a new one.
Member join_row(const ImportRow& row, const Roll& roll) {
    Member member;
    if (const auto there = roll.members.find(row.name); there != roll.members.end()) {
        member = there->second;
    } else {
        member.name = row.name;
        member.id = make_uuid();
    }
    const auto unite = [](std::vector<std::string>& names, const std::vector<std::string>& more) {
        names.insert(names.end(), more.begin(), more.end());
        std::ranges::sort(names);
        names.erase(std::ranges::unique(names).begin(), names.end());
    };
    unite(member.groups, row.groups);
    unite(member.roles, row.roles);
    std::erase(member.groups, kMembersGroup);
    for (const GridIdentity& identity : row.identities)
        if (!std::ranges::contains(member.identities, identity)) member.identities.push_back(identity);
    return member;
}

// Every row against the members there are and against each other.
Outcome<ImportSummary> check_rows(const std::vector<ImportRow>& rows, Roll roll, const VoRecord& vo) {
    ImportSummary summary;
    ImportFaults faults;
    for (const ImportRow& row : rows) {
        Member member = join_row(row, roll);
        const auto there = roll.members.find(row.name);
        const bool known = there != roll.members.end();
        for (const GridIdentity& identity : row.identities)
            if (const auto owner = roll.owners.find(identity_key(identity));
                owner != roll.owners.end() && owner->second != row.name)
                faults.add(row.line, compose("{} is an identity of {}", identity.subject, owner->second));
        ++(!known ? summary.added : member == there->second ? summary.present : summary.changed);
        if (!known) member.number = 1;  // which one does not matter to the check
        if (auto good = check_member(member, vo.block_size); !good)
            faults.add(row.line, good.error().message);
        roll.take(member);
    }
    if (faults.any()) return faults.get();
    return summary;
}

constexpr int kConflictsMax = 32;

// Fills batch from rows at index on; index is then that of the first row that found no room.
Outcome<std::vector<Member>> fill(MemberBatch& batch, VoRegistry& records, const VoRecord& vo,
                                  const Roll& roll, const std::vector<ImportRow>& rows, size_t& index) {
    std::vector<Member> taken;
    for (; index < rows.size(); ++index) {
        Member member = join_row(rows[index], roll);
        const auto there = roll.members.find(member.name);
        if (there != roll.members.end() && member == there->second) continue;
        if (!batch.empty() && !batch.has_room(member)) break;
        const auto kept = records.read_member(vo, member.name);
        if (!kept) return std::unexpected(kept.error());
        auto put = batch.put({std::move(member), kept->revision});
        if (!put) return std::unexpected(put.error());
        taken.push_back(std::move(*put));
    }
    return taken;
}

// One commit: the rows at index on, as many as fit. Errc::conflict: roll is out of date, nothing was done.
Outcome<void> import_some(VoRegistry& records, const VoRecord& vo, Roll& roll,
                          const std::vector<ImportRow>& rows, size_t& index) {
    auto batch = MemberBatch::begin(records, vo);
    if (!batch) return std::unexpected(batch.error());
    if (batch->serial() != roll.serial)
        return failure(Errc::conflict, "the VO {} is being changed all the time: import again for the rest",
                       vo.name);
    size_t next = index;
    const auto taken = fill(*batch, records, vo, roll, rows, next);
    if (!taken) return std::unexpected(taken.error());
    if (!batch->empty()) {
        if (auto done = batch->commit(); !done) return done;
        ++roll.serial;
    }
    for (const Member& member : *taken) roll.take(member);
    index = next;
    return {};
}

}  // namespace

Outcome<ImportSummary> Authority::import_members(std::string_view vo, const std::vector<ImportRow>& rows,
                                                 bool dry_run) {
    const auto identity = read_living_vo(vo);
    if (!identity) return std::unexpected(identity.error());
    const VoRecord& record = identity->record;
    auto roll = read_roll(records_, record);
    if (!roll) return std::unexpected(roll.error());
    const auto summary = check_rows(rows, *roll, record);
    if (!summary || dry_run) return summary;
    int conflicts = 0;
    for (size_t index = 0; index < rows.size();) {
        auto moved = import_some(records_, record, *roll, rows, index);
        if (moved) continue;
        if (moved.error().code != Errc::conflict || ++conflicts > kConflictsMax)
            return std::unexpected(moved.error());
        // somebody else changed the VO: what was found free may be taken by now
        roll = read_roll(records_, record);
        if (!roll) return std::unexpected(roll.error());
        if (const auto again = check_rows(rows, *roll, record); !again) return again;
    }
    return summary;
}

}  // namespace xos

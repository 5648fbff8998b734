// Authority: members and groups.
#include <algorithm>

#include "cda/authority.h"
#include "common/uuid.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

Outcome<LoginName> read_login(std::string_view login) {
    if (const auto name = parse_login_name(login)) return *name;
    return failure(Errc::invalid, "\"{}\" is no login name: expected one such as user1@physics", login);
}

void sort_and_unite(std::vector<std::string>& names) {
    std::ranges::sort(names);
    names.erase(std::ranges::unique(names).begin(), names.end());
}

std::unexpected<Failure> no_member(std::string_view user, std::string_view vo) {
    return failure(Errc::not_found, "{}@{} is no member: `member list {}` names those there are", user, vo,
                   vo);
}

}  // namespace

Outcome<Member> Authority::try_add_member(std::string_view user, std::string_view vo, const Member& wanted) {
    const auto identity = records_.read_vo(vo);
    if (!identity) return std::unexpected(identity.error());
    const VoRecord& record = identity->record;
    auto head = records_.read_head(vo);
    if (!head) return std::unexpected(head.error());
    Kept<Member> member{wanted, 0};
    member.value.number = head->value.next_member++;
    if (member.value.number >= first_group_offset(record.block_size))
        return failure(Errc::unavailable, "the VO {} has given away all its member numbers", vo);
    if (auto good = check_member(member.value, record.block_size); !good)
        return std::unexpected(good.error());
    const auto there = records_.read_member(record, user);
    if (!there) return std::unexpected(there.error());
    if (there->revision != 0) return failure(Errc::exists, "{}@{} is a member already", user, vo);

    std::vector<RegistryChange> changes = {VoRegistry::change_member(vo, member)};
    for (const std::string& name : member.value.groups) {
        const auto group = records_.read_group(record, name);
        if (!group) return std::unexpected(group.error());
        if (group->revision != 0) continue;
        const Group added{name, head->value.next_group++};
        if (auto good = check_group(added, record.block_size); !good) return std::unexpected(good.error());
        changes.push_back(VoRegistry::add_group(vo, added));
    }
    if (changes.size() >= kRegistryChangesMax)
        return failure(Errc::invalid, "{}@{}: too many new groups at once, at most {}", user, vo,
                       kRegistryChangesMax - 2);
    if (auto done = records_.commit(vo, *head, std::move(changes)); !done)
        return std::unexpected(done.error());
    return member.value;
}

Outcome<Member> Authority::add_member(std::string_view login, std::vector<std::string> groups,
                                      std::vector<std::string> roles) {
    const auto name = read_login(login);
    if (!name) return std::unexpected(name.error());
    // everybody is in it without being listed
    std::erase(groups, kMembersGroup);
    sort_and_unite(groups);
    sort_and_unite(roles);
    Member wanted;
    wanted.name = name->user;
    wanted.id = make_uuid();
    wanted.groups = std::move(groups);
    wanted.roles = std::move(roles);
    return repeat_on_conflict([&] { return try_add_member(name->user, name->vo, wanted); });
}

Outcome<void> Authority::try_remove_member(std::string_view user, std::string_view vo) {
    const auto identity = records_.read_vo(vo);
    if (!identity) return std::unexpected(identity.error());
    const auto head = records_.read_head(vo);
    if (!head) return std::unexpected(head.error());
    const auto member = records_.read_member(identity->record, user);
    if (!member) return std::unexpected(member.error());
    if (member->revision == 0) return no_member(user, vo);
    return records_.commit(vo, *head, {VoRegistry::erase_member(vo, *member)});
}

Outcome<void> Authority::remove_member(std::string_view login) {
    const auto name = read_login(login);
    if (!name) return std::unexpected(name.error());
    return repeat_on_conflict([&] { return try_remove_member(name->user, name->vo); });
}

Outcome<void> Authority::try_set_suspended(std::string_view user, std::string_view vo, bool suspended) {
    const auto identity = records_.read_vo(vo);
    if (!identity) return std::unexpected(identity.error());
    const auto head = records_.read_head(vo);
    if (!head) return std::unexpected(head.error());
    auto member = records_.read_member(identity->record, user);
    if (!member) return std::unexpected(member.error());
    if (member->revision == 0) return no_member(user, vo);
    if (member->value.suspended == suspended)
        return failure(Errc::exists, "{}@{} is {} already", user, vo, suspended ? "suspended" : "active");
    member->value.suspended = suspended;
    return records_.commit(vo, *head, {VoRegistry::change_member(vo, *member)});
}

Outcome<void> Authority::set_suspended(std::string_view login, bool suspended) {
    const auto name = read_login(login);
    if (!name) return std::unexpected(name.error());
    return repeat_on_conflict([&] { return try_set_suspended(name->user, name->vo, suspended); });
}

Outcome<std::vector<Member>> Authority::list_members(std::string_view vo) {
    const auto identity = records_.read_vo(vo);
    if (!identity) return std::unexpected(identity.error());
    return records_.list_members(identity->record);
}

}  // namespace xos

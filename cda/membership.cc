// Authority: members and groups.
#include <algorithm>
#include <unordered_map>

#include "cda/authority.h"
#include "cda/member_batch.h"
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

// Takes drop out of values and puts add in. What is dropped must be there: a misspelt name must not pass for
// done.
template <typename Value, typename Describe>
Outcome<void> replace(std::vector<Value>& values, const std::vector<Value>& drop,
                      const std::vector<Value>& add, std::string_view login, Describe describe) {
    for (const Value& value : drop)
        if (std::erase(values, value) == 0)
            return failure(Errc::not_found, "{} has no {}", login, describe(value));
    for (const Value& value : add)
        if (!std::ranges::contains(values, value)) values.push_back(value);
    return {};
}

Outcome<void> apply(const MemberChange& change, Member& member, std::string_view login) {
    const auto group = [](const std::string& name) { return "group " + name; };
    const auto role = [](const std::string& name) { return "role " + name; };
    const auto identity = [](const GridIdentity& one) {
        return compose("identity {} of {}", one.subject, one.issuer);
    };
    if (auto done = replace(member.groups, change.drop_groups, change.add_groups, login, group); !done)
        return done;
    if (auto done = replace(member.roles, change.drop_roles, change.add_roles, login, role); !done)
        return done;
    // everybody is in it without being listed
    std::erase(member.groups, kMembersGroup);
    sort_and_unite(member.groups);
    sort_and_unite(member.roles);
    for (const GridIdentity& one : change.add_identities)
        if (!is_distinguished_name(one.issuer) || !is_distinguished_name(one.subject))
            return failure(
                Errc::invalid,
                "issuer and subject are distinguished names such as /DC=org/DC=example/CN=User One");
    return replace(member.identities, change.drop_identities, change.add_identities, login, identity);
}

}  // namespace

Outcome<void> Authority::check_identities_free(const VoRecord& vo, const Member& member) {
    const auto others = records_.list_members(vo);
    if (!others) return std::unexpected(others.error());
    for (const Member& other : *others)
        for (const GridIdentity& identity : member.identities)
            if (other.name != member.name && std::ranges::contains(other.identities, identity))
                return failure(Errc::exists, "{} is an identity of {}@{} already", identity.subject,
                               other.name, vo.name);
    return {};
}

Outcome<Member> Authority::try_add_member(std::string_view user, std::string_view vo, const Member& wanted) {
    const auto identity = read_living_vo(vo);
    if (!identity) return std::unexpected(identity.error());
    auto batch = MemberBatch::begin(records_, identity->record);
    if (!batch) return std::unexpected(batch.error());
    const auto there = records_.read_member(identity->record, user);
    if (!there) return std::unexpected(there.error());
    if (there->revision != 0) return failure(Errc::exists, "{}@{} is a member already", user, vo);
    auto member = batch->put({wanted, 0});
    if (!member) return member;
    if (auto done = batch->commit(); !done) return std::unexpected(done.error());
    return member;
}

Outcome<Member> Authority::add_member(std::string_view login, std::vector<std::string> groups,
                                      std::vector<std::string> roles) {
    const auto name = read_login(login);
    if (!name) return std::unexpected(name.error());
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

Outcome<void> Authority::remove_member(std::string_view login) {
    const auto name = read_login(login);
    if (!name) return std::unexpected(name.error());
    return change_content(name->vo, [&](const VoRecord& vo) -> Outcome<std::vector<RegistryChange>> {
        const auto member = records_.read_member(vo, name->user);
        if (!member) return std::unexpected(member.error());
        if (member->revision == 0) return no_member(name->user, name->vo);
        return std::vector{VoRegistry::erase_member(name->vo, *member)};
    });
}

Outcome<Member> Authority::edit_member(std::string_view login,
                                       const std::function<Outcome<void>(const VoRecord&, Member&)>& edit) {
    const auto name = read_login(login);
    if (!name) return std::unexpected(name.error());
    const auto attempt = [&]() -> Outcome<Member> {
        const auto identity = read_living_vo(name->vo);
        if (!identity) return std::unexpected(identity.error());
        auto batch = MemberBatch::begin(records_, identity->record);
        if (!batch) return std::unexpected(batch.error());
        auto member = records_.read_member(identity->record, name->user);
        if (!member) return std::unexpected(member.error());
        if (member->revision == 0) return no_member(name->user, name->vo);
        const Member before = member->value;
        if (auto edited = edit(identity->record, member->value); !edited)
            return std::unexpected(edited.error());
        if (member->value == before) return before;
        auto changed = batch->put(std::move(*member));
        if (!changed) return changed;
        if (auto done = batch->commit(); !done) return std::unexpected(done.error());
        return changed;
    };
    return repeat_on_conflict(attempt);
}

Outcome<void> Authority::set_suspended(std::string_view login, bool suspended) {
    const auto edit = [&](const VoRecord&, Member& member) -> Outcome<void> {
        if (member.suspended == suspended)
            return failure(Errc::exists, "{} is {} already", login, suspended ? "suspended" : "active");
        member.suspended = suspended;
        return {};
    };
    if (auto done = edit_member(login, edit); !done) return std::unexpected(done.error());
    return {};
}

Outcome<Member> Authority::change_member(std::string_view login, const MemberChange& change) {
    if (change == MemberChange{})
        return failure(Errc::invalid, "say what to change of {}: --add-group, --drop-role, ...", login);
    return edit_member(login, [&](const VoRecord& vo, Member& member) -> Outcome<void> {
        if (auto done = apply(change, member, login); !done) return done;
        return change.add_identities.empty() ? Outcome<void>{} : check_identities_free(vo, member);
    });
}

Outcome<MemberSummary> Authority::show_member(std::string_view login) {
    const auto name = read_login(login);
    if (!name) return std::unexpected(name.error());
    const auto identity = records_.read_vo(name->vo);
    if (!identity) return std::unexpected(identity.error());
    auto member = records_.read_member(identity->record, name->user);
    if (!member) return std::unexpected(member.error());
    if (member->revision == 0) return no_member(name->user, name->vo);
    const uint32_t uid = identity->record.uid_base + member->value.number;
    return MemberSummary{std::string(name->vo), std::move(member->value), uid};
}

Outcome<std::vector<Member>> Authority::list_members(std::string_view vo) {
    const auto identity = records_.read_vo(vo);
    if (!identity) return std::unexpected(identity.error());
    return records_.list_members(identity->record);
}

Outcome<std::vector<GroupSummary>> Authority::list_groups(std::string_view vo) {
    const auto identity = records_.read_vo(vo);
    if (!identity) return std::unexpected(identity.error());
    auto groups = records_.list_groups(identity->record);
    if (!groups) return std::unexpected(groups.error());
    const auto members = records_.list_members(identity->record);
    if (!members) return std::unexpected(members.error());
    std::unordered_map<std::string_view, size_t> counts;
    counts[kMembersGroup] = members->size();
    for (const Member& member : *members)
        for (const std::string& group : member.groups) ++counts[group];
    std::vector<GroupSummary> summaries;
    for (Group& group : *groups) summaries.push_back({group, counts[group.name]});
    return summaries;
}

}  // namespace xos

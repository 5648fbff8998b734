#include "cda/vo_registry.h"

#include <algorithm>
#include <set>

#include "common/first_failure.h"

namespace xos {
namespace {

constexpr std::string_view kVosPrefix = "vos/";
constexpr size_t kPrunedAtOnce = 50;

std::string vo_key_of(std::string_view vo) {
    return compose("vos/{}", vo);
}
std::string head_key(std::string_view vo) {
    return compose("vo/{}/head", vo);
}
std::string policy_key(std::string_view vo) {
    return compose("vo/{}/policy", vo);
}
std::string member_key(std::string_view vo, std::string_view user) {
    return compose("vo/{}/member/{}", vo, user);
}
std::string group_key(std::string_view vo, std::string_view group) {
    return compose("vo/{}/group/{}", vo, group);
}
std::string revoked_key(std::string_view vo, std::string_view serial) {
    return compose("vo/{}/revoked/{}", vo, serial);
}
// in decimal with leading zeros: sorted by serial
std::string change_key(std::string_view vo, uint64_t serial) {
    return compose("vo/{}/change/{:020}", vo, serial);
}
std::string issued_key(std::string_view serial) {
    return compose("issued/{}", serial);
}

Outcome<Json> parse(const RegistryEntry& entry) {
    return Json::parse(entry.value, {.bytes = kRegistryValueMax}, "authority's record");
}

Json write_time(std::chrono::sys_seconds time) {
    return Json::integer(static_cast<uint64_t>(time.time_since_epoch().count()));
}

Outcome<std::chrono::sys_seconds> read_time(const JsonNode& node, const char* key) {
    return node.integer(key, 0, kSerialMax).transform([](uint64_t seconds) {
        return std::chrono::sys_seconds(std::chrono::seconds(seconds));
    });
}

std::string format_head(const VoHead& head) {
    return JsonObject()
        .set("serial", Json::integer(head.serial))
        .set("next_member", Json::integer(head.next_member))
        .set("next_group", Json::integer(head.next_group))
        .build()
        .format();
}

std::string format_identity(const VoIdentity& identity) {
    return JsonObject()
        .set("vo_key", Json::string(encode_base64url(identity.vo_key)))
        .set("statement", Json::string(identity.statement))
        .build()
        .format();
}

Outcome<VoIdentity> read_identity(const RegistryEntry& entry) {
    const auto json = parse(entry);
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    VoIdentity identity;
    FirstFailure first;
    first.check(root.object({"vo_key", "statement"}));
    first.take(identity.vo_key, read_32_bytes(root, "vo_key"));
    first.take(identity.statement, root.string("statement", kRegistryValueMax));
    if (first) return first.get();
    auto record = open_vo_record(identity.statement, identity.vo_key);
    if (!record) return std::unexpected(record.error());
    identity.record = std::move(*record);
    identity.revision = entry.revision;
    return identity;
}

template <typename Record>
using Reader = Outcome<Record> (*)(const JsonNode&, uint32_t);

template <typename Record>
Outcome<Record> read_entry(const RegistryEntry& entry, uint32_t block_size, Reader<Record> read) {
    const auto json = parse(entry);
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    return read(root, block_size);
}

template <typename Record>
Outcome<Kept<Record>> read_one(Registry& registry, const std::string& key, uint32_t block_size,
                               Reader<Record> read) {
    const auto entry = registry.get(key);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) return Kept<Record>{};
    auto record = read_entry(**entry, block_size, read);
    if (!record) return std::unexpected(record.error());
    return Kept<Record>{std::move(*record), (*entry)->revision};
}

template <typename Record>
Outcome<std::vector<Record>> read_all(Registry& registry, const std::string& prefix, uint32_t block_size,
                                      Reader<Record> read) {
    const auto entries = registry.list(prefix);
    if (!entries) return std::unexpected(entries.error());
    std::vector<Record> records;
    records.reserve(entries->size());
    for (const RegistryEntry& entry : *entries) {
        auto record = read_entry(entry, block_size, read);
        if (!record) return std::unexpected(record.error());
        records.push_back(std::move(*record));
    }
    return records;
}

}  // namespace

Outcome<std::vector<std::string>> VoRegistry::list_vos() {
    const auto entries = registry_.list(kVosPrefix);
    if (!entries) return std::unexpected(entries.error());
    std::vector<std::string> names;
    for (const RegistryEntry& entry : *entries) names.push_back(entry.key.substr(kVosPrefix.size()));
    return names;
}

Outcome<VoIdentity> VoRegistry::read_vo(std::string_view vo) {
    const auto entry = registry_.get(vo_key_of(vo));
    if (!entry) return std::unexpected(entry.error());
    if (!*entry)
        return failure(Errc::not_found,
                       "there is no VO {} at this authority: `vo list` names those there are", vo);
    return read_identity(**entry);
}

Outcome<void> VoRegistry::add_vo(const VoIdentity& identity, std::string_view policy) {
    const std::string& vo = identity.record.name;
    const std::vector<RegistryChange> changes = {
        {vo_key_of(vo), 0, format_identity(identity)},
        {head_key(vo), 0, format_head({})},
        {group_key(vo, kMembersGroup), 0, write_group({kMembersGroup, 0}).format()},
        {policy_key(vo), 0, std::string(policy)}};
    const auto done = registry_.commit(changes);
    if (!done && done.error().code == Errc::conflict)
        return failure(Errc::exists, "the VO {} exists already", vo);
    if (!done) return std::unexpected(done.error());
    return {};
}

Outcome<Kept<VoHead>> VoRegistry::read_head(std::string_view vo) {
    const auto entry = registry_.get(head_key(vo));
    if (!entry) return std::unexpected(entry.error());
    if (!*entry)
        return failure(Errc::unavailable, "the VO {} has lost its head record: restore a backup", vo);
    const auto json = parse(**entry);
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    Kept<VoHead> head{{}, (*entry)->revision};
    FirstFailure first;
    first.take(head.value.serial, root.integer("serial", 1, kSerialMax));
    first.take(head.value.next_member, root.integer("next_member", 1, kBlockSizeMax));
    first.take(head.value.next_group, root.integer("next_group", 1, kBlockSizeMax));
    if (first) return first.get();
    return head;
}

Outcome<Kept<Member>> VoRegistry::read_member(const VoRecord& vo, std::string_view user) {
    return read_one<Member>(registry_, member_key(vo.name, user), vo.block_size, xos::read_member);
}

Outcome<Kept<Group>> VoRegistry::read_group(const VoRecord& vo, std::string_view group) {
    return read_one<Group>(registry_, group_key(vo.name, group), vo.block_size, xos::read_group);
}

Outcome<std::vector<Member>> VoRegistry::list_members(const VoRecord& vo) {
    return read_all<Member>(registry_, member_key(vo.name, ""), vo.block_size, xos::read_member);
}

Outcome<std::vector<Group>> VoRegistry::list_groups(const VoRecord& vo) {
    return read_all<Group>(registry_, group_key(vo.name, ""), vo.block_size, xos::read_group);
}

Outcome<Kept<std::string>> VoRegistry::read_policy(std::string_view vo) {
    const auto entry = registry_.get(policy_key(vo));
    if (!entry) return std::unexpected(entry.error());
    if (!*entry)
        return failure(Errc::unavailable, "the VO {} has lost its policy: set one with `policy set`", vo);
    return Kept<std::string>{(*entry)->value, (*entry)->revision};
}

Outcome<std::vector<std::string>> VoRegistry::list_revoked(std::string_view vo) {
    const std::string prefix = revoked_key(vo, "");
    const auto entries = registry_.list(prefix);
    if (!entries) return std::unexpected(entries.error());
    std::vector<std::string> serials;
    for (const RegistryEntry& entry : *entries) serials.push_back(entry.key.substr(prefix.size()));
    return serials;
}

Outcome<void> VoRegistry::prune_revoked(std::string_view vo, std::chrono::sys_seconds since) {
    const auto entries = registry_.list(revoked_key(vo, ""));
    if (!entries) return std::unexpected(entries.error());
    std::vector<RegistryChange> changes;
    for (const RegistryEntry& entry : *entries) {
        const auto json = parse(entry);
        if (!json) return std::unexpected(json.error());
        const JsonNode root = json->root();
        const auto not_after = read_time(root, "not_after");
        if (!not_after) return std::unexpected(not_after.error());
        if (*not_after < since) changes.push_back({entry.key, entry.revision, std::nullopt});
    }
    for (size_t at = 0; at < changes.size(); at += kPrunedAtOnce) {
        const auto head = read_head(vo);
        if (!head) return std::unexpected(head.error());
        const auto begin = changes.begin() + static_cast<ptrdiff_t>(at);
        const auto end = begin + static_cast<ptrdiff_t>(std::min(kPrunedAtOnce, changes.size() - at));
        if (auto done = commit(vo, *head, {begin, end}); !done) return done;
    }
    return {};
}

Outcome<std::vector<std::string>> VoRegistry::list_changes(std::string_view vo, uint64_t since,
                                                           uint64_t serial) {
    std::set<std::string> keys;
    if (since > serial || serial - since > kChangesKept)
        return failure(Errc::not_found, "the changes of VO {} since serial {} are not known", vo, since);
    for (uint64_t at = since + 1; at <= serial; ++at) {
        const auto entry = registry_.get(change_key(vo, at));
        if (!entry) return std::unexpected(entry.error());
        if (!*entry)
            return failure(Errc::not_found, "the changes of VO {} since serial {} are not known any more", vo,
                           since);
        const auto json = parse(**entry);
        if (!json) return std::unexpected(json.error());
        const JsonNode root = json->root();
        const auto count = root.array(kRegistryCommitMax);
        if (!count) return std::unexpected(count.error());
        for (size_t i = 0; i < *count; ++i) {
            auto key = root.at(i).string(kRegistryKeyMax);
            if (!key) return std::unexpected(key.error());
            keys.insert(*std::move(key));
        }
    }
    return std::vector<std::string>(keys.begin(), keys.end());
}

Outcome<std::optional<std::string>> VoRegistry::read_raw(std::string_view vo, std::string_view key) {
    auto entry = registry_.get(compose("vo/{}/{}", vo, key));
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) return std::nullopt;
    return std::move((*entry)->value);
}

Outcome<void> VoRegistry::add_issued(std::string_view serial, const IssuedRecord& record) {
    const std::string value = JsonObject()
                                  .set("vo", Json::string(record.vo))
                                  .set("login", Json::string(record.login))
                                  .set("user_id", Json::string(record.user_id))
                                  .set("fingerprint", Json::string(record.fingerprint))
                                  .set("not_after", write_time(record.not_after))
                                  .build()
                                  .format();
    const auto done = registry_.put(issued_key(serial), value, 0);
    if (!done) return std::unexpected(done.error());
    return {};
}

Outcome<IssuedRecord> VoRegistry::read_issued(std::string_view serial) {
    const auto entry = registry_.get(issued_key(serial));
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) return failure(Errc::not_found, "no credential of serial {} was issued here", serial);
    const auto json = parse(**entry);
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    IssuedRecord record;
    FirstFailure first;
    first.take(record.vo, root.string("vo", kVoNameMax));
    first.take(record.login, root.string("login", kUserNameMax));
    first.take(record.user_id, root.string("user_id", 36));
    first.take(record.fingerprint, root.string("fingerprint", 50));
    first.take(record.not_after, read_time(root, "not_after"));
    if (first) return first.get();
    return record;
}

Outcome<void> VoRegistry::commit(std::string_view vo, Kept<VoHead> head,
                                 std::vector<RegistryChange> changes) {
    ++head.value.serial;
    const std::string prefix = compose("vo/{}/", vo);
    std::vector<std::string> keys;
    for (const RegistryChange& change : changes)
        if (change.key.starts_with(prefix)) keys.push_back(change.key.substr(prefix.size()));
    changes.push_back({change_key(vo, head.value.serial), 0, Json::strings(keys).format()});
    if (head.value.serial > kChangesKept) {
        const auto oldest = registry_.get(change_key(vo, head.value.serial - kChangesKept));
        if (!oldest) return std::unexpected(oldest.error());
        if (*oldest) changes.push_back({(*oldest)->key, (*oldest)->revision, std::nullopt});
    }
    changes.push_back({head_key(vo), head.revision, format_head(head.value)});
    const auto done = registry_.commit(changes);
    if (!done) return std::unexpected(done.error());
    return {};
}

RegistryChange VoRegistry::change_vo(const VoIdentity& identity) {
    return {vo_key_of(identity.record.name), identity.revision, format_identity(identity)};
}

RegistryChange VoRegistry::change_member(std::string_view vo, const Kept<Member>& member) {
    return {member_key(vo, member.value.name), member.revision, write_member(member.value).format()};
}

RegistryChange VoRegistry::erase_member(std::string_view vo, const Kept<Member>& member) {
    return {member_key(vo, member.value.name), member.revision, std::nullopt};
}

RegistryChange VoRegistry::add_group(std::string_view vo, const Group& group) {
    return {group_key(vo, group.name), 0, write_group(group).format()};
}

RegistryChange VoRegistry::change_policy(std::string_view vo, const Kept<std::string>& policy) {
    return {policy_key(vo), policy.revision, policy.value};
}

RegistryChange VoRegistry::add_revoked(std::string_view vo, std::string_view serial,
                                       std::chrono::sys_seconds not_after) {
    return {revoked_key(vo, serial), 0,
            JsonObject().set("not_after", write_time(not_after)).build().format()};
}

}  // namespace xos

// Authority: what a VO's content is, whole and as a difference, and its signing.
#include <algorithm>

#include "cda/authority.h"

namespace xos {
namespace {

// Revoked serials stay in the bundle a while longer than their certificates, for nodes whose clocks are
// behind.
constexpr std::chrono::hours kRevokedMargin{24};

// As a node's reader will write it, so that both compute one digest.
Outcome<std::string> canonical_policy(std::string_view text) {
    return Json::parse(text, {.bytes = kPolicyMax, .depth = kPolicyDepth}, "VO policy")
        .transform([](const Json& policy) { return policy.format(); });
}

template <typename Record, typename Read>
Outcome<void> add_record(const std::string& value, Read read, std::vector<Record>& into) {
    const auto json = Json::parse(value, {.bytes = kRegistryValueMax}, "authority's record");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    auto record = read(root);
    if (!record) return std::unexpected(record.error());
    into.push_back(*std::move(record));
    return {};
}

// value: what lies under key now. Errc::not_found: a sort of key that no difference can be made of.
Outcome<void> note_change(std::string_view key, const std::optional<std::string>& value, BundleDelta& delta) {
    const uint32_t block = delta.vo.block_size;
    const std::string_view sort = key.substr(0, key.find('/'));
    const std::string name(key.substr(std::min(key.size(), sort.size() + 1)));
    if (sort == "member") {
        if (value)
            return add_record(
                *value, [block](const JsonNode& node) { return read_member(node, block); }, delta.members);
        delta.members_gone.push_back(name);
    } else if (sort == "group") {
        if (value)
            return add_record(
                *value, [block](const JsonNode& node) { return read_group(node, block); }, delta.groups);
        delta.groups_gone.push_back(name);
    } else if (sort == "node") {
        if (value) return add_record(*value, read_node, delta.nodes);
        delta.nodes_gone.push_back(name);
    } else if (sort == "revoked-identity" && value) {
        return add_record(*value, read_identity, delta.identities);
    } else if (sort == "revoked") {
        (value ? delta.revoked : delta.revoked_gone).push_back(name);
    } else if (sort == "policy" && value) {
        auto policy = canonical_policy(*value);
        if (!policy) return std::unexpected(policy.error());
        delta.policy = *std::move(policy);
    } else {
        return failure(Errc::not_found, "no difference can be made of {}", key);
    }
    return {};
}

}  // namespace

Outcome<std::pair<VoIdentity, uint64_t>> Authority::read_state(std::string_view name,
                                                               std::chrono::sys_seconds now) {
    auto identity = records_.read_vo(name);
    if (!identity) return std::unexpected(identity.error());
    if (now >= identity->record.not_after)
        return failure(Errc::denied, "the VO {} ended at {}: renew it first", name,
                       format_time(identity->record.not_after));
    const auto head = records_.read_head(name);
    if (!head) return std::unexpected(head.error());
    return std::pair(*std::move(identity), head->value.serial);
}

// Errc::conflict where the content changed while it was read.
Outcome<Bundle> Authority::read_bundle(const VoIdentity& identity, std::chrono::sys_seconds now) {
    const VoRecord& vo = identity.record;
    if (auto pruned = records_.prune_revoked(vo.name, now - kRevokedMargin); !pruned)
        return std::unexpected(pruned.error());
    const auto head = records_.read_head(vo.name);
    if (!head) return std::unexpected(head.error());
    auto members = records_.list_members(vo);
    if (!members) return std::unexpected(members.error());
    auto groups = records_.list_groups(vo);
    if (!groups) return std::unexpected(groups.error());
    auto revoked = records_.list_revoked(vo.name);
    if (!revoked) return std::unexpected(revoked.error());
    auto policy = records_.read_policy(vo.name).and_then(
        [](const Kept<std::string>& kept) { return canonical_policy(kept.value); });
    if (!policy) return std::unexpected(policy.error());
    auto identities = records_.list_revoked_identities(vo.name);
    if (!identities) return std::unexpected(identities.error());
    auto voms = records_.read_voms(vo.name);
    if (!voms) return std::unexpected(voms.error());
    auto crls = records_.list_crls(vo.name);
    if (!crls) return std::unexpected(crls.error());
    auto nodes = records_.list_nodes(vo.name);
    if (!nodes) return std::unexpected(nodes.error());
    const auto again = records_.read_head(vo.name);
    if (!again) return std::unexpected(again.error());
    if (again->revision != head->revision)
        return failure(Errc::conflict, "the VO {} is being changed: try again", vo.name);
    return Bundle{vo,
                  head->value.serial,
                  now,
                  std::min(now + vo.bundle_lifetime, vo.not_after),
                  std::move(*members),
                  std::move(*groups),
                  std::move(*revoked),
                  std::move(*policy),
                  std::move(*identities),
                  voms->revision != 0 ? std::optional(std::move(voms->value)) : std::nullopt,
                  std::move(*crls),
                  std::move(*nodes)};
}

// What a dissolved VO says: nobody is a member, and what was certified is revoked.
Outcome<Bundle> Authority::read_last_bundle(const VoIdentity& identity, std::chrono::sys_seconds now) {
    const VoRecord& vo = identity.record;
    const auto head = records_.read_head(vo.name);
    if (!head) return std::unexpected(head.error());
    auto revoked = records_.list_issued(vo.name, now - kRevokedMargin);
    if (!revoked) return std::unexpected(revoked.error());
    Bundle bundle;
    bundle.vo = vo;
    bundle.serial = head->value.serial;
    bundle.issued = now;
    bundle.not_after = std::min(now + vo.bundle_lifetime, vo.not_after);
    bundle.groups = {{kMembersGroup, 0}};
    bundle.revoked_serials = std::move(*revoked);
    return bundle;
}

Outcome<VoContent> Authority::read_content(const VoIdentity& identity, std::chrono::sys_seconds now) {
    auto bundle = repeat_on_conflict([&] {
        return identity.record.dissolved ? read_last_bundle(identity, now) : read_bundle(identity, now);
    });
    if (!bundle) return std::unexpected(bundle.error());
    return VoContent{identity, *std::move(bundle)};
}

// Errc::conflict where the content changed while it was read.
Outcome<BundleDelta> Authority::try_read_delta(const VoIdentity& identity, uint64_t since) {
    const std::string& vo = identity.record.name;
    if (identity.record.dissolved)
        return failure(Errc::not_found, "the last word of VO {} is said whole", vo);
    const auto head = records_.read_head(vo);
    if (!head) return std::unexpected(head.error());
    const auto changes = records_.list_changes(vo, since, head->value.serial);
    if (!changes) return std::unexpected(changes.error());
    if (changes->size() > kDeltaRecordsMax)
        return failure(Errc::not_found, "too much of VO {} has changed since serial {}", vo, since);
    BundleDelta delta{.vo = identity.record, .since = since, .serial = head->value.serial};
    for (const std::string& key : *changes) {
        const auto value = records_.read_raw(vo, key);
        if (!value) return std::unexpected(value.error());
        if (auto noted = note_change(key, *value, delta); !noted) return std::unexpected(noted.error());
    }
    const auto again = records_.read_head(vo);
    if (!again) return std::unexpected(again.error());
    if (again->revision != head->revision)
        return failure(Errc::conflict, "the VO {} is being changed: try again", vo);
    return delta;
}

Outcome<BundleDelta> Authority::read_delta(const VoIdentity& identity, uint64_t since) {
    return repeat_on_conflict([&] { return try_read_delta(identity, since); });
}

Outcome<std::string> Authority::seal(const VoIdentity& identity, const Bundle& bundle) {
    const auto registrar = keys_.load(identity.record.id, KeyRole::registrar);
    if (!registrar) return std::unexpected(registrar.error());
    return seal_bundle(bundle, identity.statement, identity.vo_key, *registrar);
}

Outcome<std::string> Authority::seal(const VoIdentity& identity, const BundleDelta& delta) {
    const auto registrar = keys_.load(identity.record.id, KeyRole::registrar);
    if (!registrar) return std::unexpected(registrar.error());
    return seal_delta(delta, identity.statement, identity.vo_key, *registrar);
}

Outcome<std::string> Authority::export_bundle(std::string_view name, std::chrono::sys_seconds now) {
    const auto state = read_state(name, now);
    if (!state) return std::unexpected(state.error());
    const auto content = read_content(state->first, now);
    if (!content) return std::unexpected(content.error());
    return seal(content->identity, content->bundle);
}

Outcome<std::string> Authority::export_delta(std::string_view name, uint64_t since,
                                             std::chrono::sys_seconds now) {
    const auto state = read_state(name, now);
    if (!state) return std::unexpected(state.error());
    const auto attempt = [&]() -> Outcome<std::string> {
        const auto content = read_content(state->first, now);
        if (!content) return std::unexpected(content.error());
        auto delta = read_delta(state->first, since);
        if (!delta && delta.error().code == Errc::not_found) return seal(content->identity, content->bundle);
        if (!delta) return std::unexpected(delta.error());
        if (delta->serial != content->bundle.serial)
            return failure(Errc::conflict, "the VO {} is being changed: try again", name);
        const auto digest = digest_content(content->bundle);
        if (!digest) return std::unexpected(digest.error());
        delta->digest = *digest;
        delta->issued = content->bundle.issued;
        delta->not_after = content->bundle.not_after;
        return seal(content->identity, *delta);
    };
    return repeat_on_conflict(attempt);
}

}  // namespace xos

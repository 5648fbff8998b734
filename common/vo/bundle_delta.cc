#include "common/vo/bundle_delta.h"

#include <algorithm>

#include "common/first_failure.h"
#include "common/vo/content_json.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr uint64_t kFormat = 1;
constexpr char kDeltaType[] = "xos-bundle-delta+json";
constexpr std::string_view kBeginning = "{\"xos-bundle-delta\":";

// null: the VO has no VOMS any more
Outcome<std::optional<VomsTrust>> read_voms(const JsonNode& node) {
    if (!node.is_object()) return std::optional<VomsTrust>();
    return read_voms_trust(node).transform([](VomsTrust trust) { return std::optional(std::move(trust)); });
}

void read_lists(FirstFailure& first, const JsonNode& root, BundleDelta& delta) {
    const uint32_t block = delta.vo.block_size;
    const auto names = [&](const char* key, size_t max_bytes) {
        return read_texts(root, key, kDeltaRecordsMax, max_bytes);
    };
    first.take(delta.members, read_members(root, "members", block, kDeltaRecordsMax));
    first.take(delta.members_gone, names("members_gone", kUserNameMax));
    first.take(delta.groups, read_groups(root, "groups", block, kDeltaRecordsMax));
    first.take(delta.groups_gone, names("groups_gone", kUserNameMax));
    first.take(delta.nodes, read_nodes(root, "nodes", kDeltaRecordsMax));
    first.take(delta.nodes_gone, names("nodes_gone", kHostNameMax));
    first.take(delta.revoked, names("revoked", 40));
    first.take(delta.revoked_gone, names("revoked_gone", 40));
    first.take(delta.identities, read_identities(root, "identities", kDeltaRecordsMax));
    first.take(delta.identities_gone, read_identities(root, "identities_gone", kDeltaRecordsMax));
}

// vo is believed by now, and payload is signed by its registrar.
Outcome<BundleDelta> read_delta(std::string_view payload, VoRecord vo) {
    const auto json = Json::parse(payload, {.bytes = kDeltaMax, .depth = kContentDepth}, "bundle's delta");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    BundleDelta delta;
    delta.vo = std::move(vo);
    std::string id;
    FirstFailure first;
    first.check(root.object({"vo", "since", "serial", "issued", "not_after", "digest", "members",
                             "members_gone", "groups", "groups_gone", "nodes", "nodes_gone", "revoked",
                             "revoked_gone", "identities", "identities_gone", "policy", "voms", "crls"}));
    first.take(id, root.string("vo", 36));
    first.take(delta.since, root.integer("since", 1, kSerialMax));
    first.take(delta.serial, root.integer("serial", 1, kSerialMax));
    first.take(delta.issued, read_seconds(root, "issued"));
    first.take(delta.not_after, read_seconds(root, "not_after"));
    first.take(delta.digest, read_32_bytes(root, "digest"));
    read_lists(first, root, delta);
    if (root.find("policy")) first.take(delta.policy, read_policy(root));
    if (const auto voms = root.find("voms")) first.take(delta.voms, read_voms(*voms));
    if (root.find("crls")) first.take(delta.crls, read_der_list(root, "crls", kCrlsMax, kCrlMax));
    if (first) return first.get();
    if (id != delta.vo.id)
        return root.invalid(compose("vo: it belongs to another VO than {}", delta.vo.name));
    if (delta.serial < delta.since) return root.invalid("serial: it leads back to an older content");
    if (delta.not_after <= delta.issued || delta.not_after - delta.issued > delta.vo.bundle_lifetime)
        return root.invalid("not_after: it lasts longer than the VO record allows, or not at all");
    return delta;
}

template <typename List>
void set_list(JsonObject& object, const char* key, const List& list, auto write) {
    if (!list.empty()) object.set(key, write(list));
}

Outcome<Json> write_delta(const BundleDelta& delta) {
    const auto members = [](const auto& list) { return write_records(list, write_member); };
    const auto groups = [](const auto& list) { return write_records(list, write_group); };
    const auto nodes = [](const auto& list) { return write_records(list, write_node); };
    JsonObject object;
    object.set("vo", Json::string(delta.vo.id))
        .set("since", Json::integer(delta.since))
        .set("serial", Json::integer(delta.serial))
        .set("issued", write_seconds(delta.issued))
        .set("not_after", write_seconds(delta.not_after))
        .set("digest", Json::string(encode_base64url(delta.digest)));
    set_list(object, "members", delta.members, members);
    set_list(object, "members_gone", delta.members_gone, Json::strings);
    set_list(object, "groups", delta.groups, groups);
    set_list(object, "groups_gone", delta.groups_gone, Json::strings);
    set_list(object, "nodes", delta.nodes, nodes);
    set_list(object, "nodes_gone", delta.nodes_gone, Json::strings);
    set_list(object, "revoked", delta.revoked, Json::strings);
    set_list(object, "revoked_gone", delta.revoked_gone, Json::strings);
    set_list(object, "identities", delta.identities, write_identities);
    set_list(object, "identities_gone", delta.identities_gone, write_identities);
    if (delta.policy) {
        auto policy = write_policy(*delta.policy);
        if (!policy) return policy;
        object.set("policy", *std::move(policy));
    }
    if (delta.voms) object.set("voms", *delta.voms ? write_voms_trust(**delta.voms) : Json());
    if (delta.crls) object.set("crls", write_der_list(*delta.crls));
    return object.build();
}

// list, sorted by key, with changed in the places of their like and without gone.
template <typename Record, typename Key>
void merge(std::vector<Record>& list, std::vector<Record> changed, auto gone, Key key) {
    if (!std::ranges::is_sorted(list, {}, key)) std::ranges::sort(list, {}, key);
    if (changed.empty() && gone.empty()) return;
    std::ranges::stable_sort(changed, {}, key);
    std::ranges::sort(gone);
    std::erase_if(list, [&](const Record& record) {
        return std::ranges::binary_search(changed, key(record), {}, key) ||
               std::ranges::binary_search(gone, key(record));
    });
    const auto middle = static_cast<ptrdiff_t>(list.size());
    std::ranges::move(changed, std::back_inserter(list));
    std::ranges::inplace_merge(list, list.begin() + middle, {}, key);
}

template <typename Record>
void merge_named(std::vector<Record>& list, const std::vector<Record>& changed,
                 const std::vector<std::string>& gone) {
    merge(list, changed, std::vector<std::string_view>(gone.begin(), gone.end()),
          [](const Record& record) { return std::string_view(record.name); });
}

}  // namespace

bool is_delta(std::string_view bytes) {
    return bytes.starts_with(kBeginning);
}

Outcome<std::string> seal_delta(const BundleDelta& delta, std::string_view vo_statement,
                                std::span<const uint8_t, 32> vo_key, const SigningKey& registrar_key) {
    const auto content = write_delta(delta);
    if (!content) return std::unexpected(content.error());
    const std::string payload = content->format();
    if (payload.size() > kDeltaMax / 2)
        return failure(Errc::invalid, "the difference of VO {} is too large: use the whole bundle",
                       delta.vo.name);
    return seal_file(delta.vo, vo_statement, vo_key, "xos-bundle-delta", "delta", payload, kDeltaType,
                     registrar_key);
}

Outcome<BundleDelta> open_delta(std::string_view bytes, std::string_view pinned_fingerprint,
                                std::chrono::sys_seconds now, std::chrono::seconds grace) {
    const auto json = Json::parse(bytes, {.bytes = kDeltaMax, .depth = 3}, "bundle's delta");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    if (auto good = root.object({"xos-bundle-delta", "vo_key", "vo", "delta"}); !good)
        return std::unexpected(good.error());
    if (auto format = root.integer("xos-bundle-delta", kFormat, kFormat); !format)
        return std::unexpected(format.error());
    auto vo = open_vo_part(root, pinned_fingerprint, "bundle's delta");
    if (!vo) return std::unexpected(vo.error());
    const auto node = root.field("delta");
    if (!node) return std::unexpected(node.error());
    const auto payload = open_statement(*node, kDeltaType, vo->registrar_key, kDeltaMax);
    if (!payload) return std::unexpected(payload.error());
    auto delta = read_delta(*payload, *std::move(vo));
    if (!delta) return delta;
    if (auto good = check_validity(delta->vo, delta->issued, delta->not_after, now, grace); !good)
        return std::unexpected(good.error());
    return delta;
}

Bundle merge_delta(Bundle bundle, const BundleDelta& delta) {
    bundle.vo = delta.vo;
    bundle.serial = delta.serial;
    bundle.issued = delta.issued;
    bundle.not_after = delta.not_after;
    merge_named(bundle.members, delta.members, delta.members_gone);
    merge_named(bundle.groups, delta.groups, delta.groups_gone);
    merge_named(bundle.nodes, delta.nodes, delta.nodes_gone);
    merge(bundle.revoked_serials, delta.revoked,
          std::vector<std::string_view>(delta.revoked_gone.begin(), delta.revoked_gone.end()),
          [](const std::string& serial) { return std::string_view(serial); });
    const auto whole = [](const GridIdentity& identity) {
        return std::pair(std::string_view(identity.issuer), std::string_view(identity.subject));
    };
    std::vector<std::pair<std::string_view, std::string_view>> gone;
    for (const GridIdentity& identity : delta.identities_gone) gone.push_back(whole(identity));
    merge(bundle.revoked_identities, delta.identities, std::move(gone), whole);
    if (delta.policy) bundle.policy = *delta.policy;
    if (delta.voms) bundle.voms = *delta.voms;
    if (delta.crls) bundle.crls = *delta.crls;
    return bundle;
}

Outcome<Bundle> apply_delta(Bundle base, const BundleDelta& delta) {
    if (delta.vo.id != base.vo.id)
        return failure(Errc::conflict, "the delta is of another VO than {}", base.vo.name);
    if (delta.since != base.serial)
        return failure(Errc::conflict,
                       "the delta of VO {} starts from serial {}, here is {}: get the whole bundle",
                       base.vo.name, delta.since, base.serial);
    base = merge_delta(std::move(base), delta);
    const auto digest = digest_content(base);
    if (!digest) return std::unexpected(digest.error());
    if (*digest != delta.digest)
        return failure(Errc::conflict,
                       "the delta of VO {} does not lead from serial {} to what its registrar signed as {}: "
                       "get the whole bundle",
                       base.vo.name, delta.since, delta.serial);
    if (auto good = check_bundle(base); !good) return std::unexpected(good.error());
    return base;
}

Outcome<Bundle> open_update(std::string_view bytes, std::string_view pinned_fingerprint, const Bundle* base,
                            std::chrono::sys_seconds now) {
    if (!is_delta(bytes)) return open_bundle(bytes, pinned_fingerprint, now);
    const auto delta = open_delta(bytes, pinned_fingerprint, now);
    if (!delta) return std::unexpected(delta.error());
    if (base == nullptr)
        return failure(Errc::conflict,
                       "this is a delta since serial {} of VO {}: the whole bundle comes first", delta->since,
                       delta->vo.name);
    return apply_delta(*base, *delta);
}

}  // namespace xos

#include "common/vo/bundle.h"

#include <algorithm>

#include "common/first_failure.h"
#include "common/uuid.h"

namespace xos {
namespace {

constexpr uint64_t kFormat = 1;
constexpr char kVoType[] = "xos-vo+json";
constexpr char kContentType[] = "xos-bundle+json";
constexpr size_t kVoPayloadMax = 2 * kCredentialMax;
constexpr size_t kMembersMax = first_group_offset(kBlockSizeMax);
constexpr size_t kGroupsMax = kBlockSizeMax / 4;
constexpr size_t kRevokedMax = 1 << 20;
constexpr size_t kContentDepth = 4 + kPolicyDepth;

Outcome<Ed25519Public> read_key(const JsonNode& node, const char* key) {
    const auto text = node.text(key, 43);
    if (!text) return std::unexpected(text.error());
    const auto bytes = decode_base64url(*text);
    Ed25519Public out;
    if (!bytes || bytes->size() != out.size())
        return node.invalid(compose("{}: expected a key of 32 bytes in base64url", key));
    std::ranges::copy(*bytes, out.begin());
    return out;
}

Outcome<VoRecord> read_vo_payload(std::string_view payload) {
    const auto json = Json::parse(payload, {.bytes = kVoPayloadMax, .depth = 3}, "VO record");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    return read_vo_record(root);
}

template <typename Record>
Outcome<std::vector<Record>> read_records(const JsonNode& content, const char* key, size_t max,
                                          uint32_t block_size,
                                          Outcome<Record> (*read)(const JsonNode&, uint32_t)) {
    std::vector<Record> records;
    const auto list = content.field(key);
    if (!list) return std::unexpected(list.error());
    const auto count = list->array(max);
    if (!count) return std::unexpected(count.error());
    records.reserve(*count);
    for (size_t i = 0; i < *count; ++i) {
        auto record = read(list->at(i), block_size);
        if (!record) return std::unexpected(record.error());
        records.push_back(std::move(*record));
    }
    return records;
}

Outcome<std::vector<std::string>> read_revoked(const JsonNode& content) {
    std::vector<std::string> serials;
    const auto list = content.field("revoked");
    if (!list) return std::unexpected(list.error());
    const auto count = list->array(kRevokedMax);
    if (!count) return std::unexpected(count.error());
    serials.reserve(*count);
    for (size_t i = 0; i < *count; ++i) {
        auto serial = list->at(i).string(40);
        if (!serial) return std::unexpected(serial.error());
        serials.push_back(std::move(*serial));
    }
    return serials;
}

Outcome<std::vector<NodeRecord>> read_nodes(const JsonNode& content) {
    std::vector<NodeRecord> nodes;
    const auto list = content.find("nodes");
    if (!list) return nodes;
    const auto count = list->array(kNodesMax);
    if (!count) return std::unexpected(count.error());
    nodes.reserve(*count);
    for (size_t i = 0; i < *count; ++i) {
        const JsonNode element = list->at(i);
        auto node = read_node(element);
        if (!node) return std::unexpected(node.error());
        nodes.push_back(std::move(*node));
    }
    return nodes;
}

Outcome<std::string> read_policy(const JsonNode& content) {
    const auto policy = content.field("policy");
    if (!policy) return std::unexpected(policy.error());
    std::string text = policy->format();
    if (text.size() > kPolicyMax) return policy->invalid(compose("expected at most {} bytes", kPolicyMax));
    return text;
}

std::chrono::sys_seconds at_seconds(uint64_t seconds) {
    return std::chrono::sys_seconds(std::chrono::seconds(seconds));
}

// vo is believed by now, and content is signed by its registrar.
Outcome<Bundle> read_content(std::string_view payload, VoRecord vo) {
    const auto json = Json::parse(payload, {.bytes = kBundleMax, .depth = kContentDepth}, "bundle's content");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    Bundle bundle;
    std::string id;
    uint64_t issued = 0, not_after = 0;
    FirstFailure first;
    first.check(
        root.object({"vo", "serial", "issued", "not_after", "members", "groups", "revoked", "policy",
                     "revoked_identities", "voms", "crls", "nodes"}));
    first.take(id, root.string("vo", 36));
    first.take(bundle.serial, root.integer("serial", 1, kSerialMax));
    first.take(issued, root.integer("issued", 0, kSerialMax));
    first.take(not_after, root.integer("not_after", 0, kSerialMax));
    first.take(bundle.groups, read_records<Group>(root, "groups", kGroupsMax, vo.block_size, read_group));
    first.take(bundle.members,
               read_records<Member>(root, "members", kMembersMax, vo.block_size, read_member));
    first.take(bundle.revoked_serials, read_revoked(root));
    first.take(bundle.policy, read_policy(root));
    first.take(bundle.revoked_identities,
               read_identities(root, "revoked_identities", kRevokedIdentitiesMax));
    if (const auto voms = root.find("voms")) first.take(bundle.voms, read_voms_trust(*voms));
    first.take(bundle.crls, read_der_list(root, "crls", kCrlsMax, kCrlMax));
    first.take(bundle.nodes, read_nodes(root));
    if (first) return first.get();
    if (id != vo.id) return root.invalid(compose("vo: it belongs to another VO than {}", vo.name));
    bundle.issued = at_seconds(issued);
    bundle.not_after = at_seconds(not_after);
    bundle.vo = std::move(vo);
    if (auto good = check_bundle(bundle); !good) return std::unexpected(good.error());
    if (bundle.not_after - bundle.issued > bundle.vo.bundle_lifetime)
        return root.invalid("not_after: it lasts longer than the VO record allows");
    return bundle;
}

Outcome<void> check_validity(const Bundle& bundle, std::chrono::sys_seconds now, std::chrono::seconds grace) {
    const std::string& vo = bundle.vo.name;
    if (now + kClockSkew < bundle.vo.not_before)
        return failure(Errc::denied, "the VO {} begins at {}, it is {} here: wait, or compare the clocks", vo,
                       format_time(bundle.vo.not_before), format_time(now));
    if (now >= bundle.vo.not_after)
        return failure(Errc::denied, "the VO {} ended at {}: its manager must renew it", vo,
                       format_time(bundle.vo.not_after));
    if (now + kClockSkew < bundle.issued)
        return failure(Errc::denied,
                       "the bundle of {} was made at {}, it is {} here: the clocks differ by {}", vo,
                       format_time(bundle.issued), format_time(now), bundle.issued - now);
    if (now >= bundle.not_after + grace)
        return failure(Errc::denied, "the bundle of {} expired at {}, it is {}: get a newer one from the VO",
                       vo, format_time(bundle.not_after), format_time(now));
    return {};
}

Json write_content(const Bundle& bundle, Json policy) {
    JsonArray members, groups;
    for (const Member& member : bundle.members) members.add(write_member(member));
    for (const Group& group : bundle.groups) groups.add(write_group(group));
    JsonObject object;
    object.set("vo", Json::string(bundle.vo.id))
        .set("serial", Json::integer(bundle.serial))
        .set("issued", Json::integer(static_cast<uint64_t>(bundle.issued.time_since_epoch().count())))
        .set("not_after", Json::integer(static_cast<uint64_t>(bundle.not_after.time_since_epoch().count())))
        .set("groups", groups.build())
        .set("members", members.build())
        .set("revoked", Json::strings(bundle.revoked_serials))
        .set("policy", std::move(policy));
    if (!bundle.revoked_identities.empty())
        object.set("revoked_identities", write_identities(bundle.revoked_identities));
    if (bundle.voms) object.set("voms", write_voms_trust(*bundle.voms));
    if (!bundle.crls.empty()) object.set("crls", write_der_list(bundle.crls));
    if (!bundle.nodes.empty()) {
        JsonArray nodes;
        for (const NodeRecord& node : bundle.nodes) nodes.add(write_node(node));
        object.set("nodes", nodes.build());
    }
    return object.build();
}

}  // namespace

Outcome<Bundle> open_bundle(std::string_view bytes, std::string_view pinned_fingerprint,
                            std::chrono::sys_seconds now, std::chrono::seconds grace) {
    const auto json = Json::parse(bytes, {.bytes = kBundleMax, .depth = 3}, "bundle");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    if (auto good = root.object({"xos-bundle", "vo_key", "vo", "content"}); !good)
        return std::unexpected(good.error());
    if (auto format = root.integer("xos-bundle", kFormat, kFormat); !format)
        return std::unexpected(format.error());
    const auto vo_key = read_key(root, "vo_key");
    if (!vo_key) return std::unexpected(vo_key.error());
    if (key_fingerprint(*vo_key) != pinned_fingerprint)
        return failure(
            Errc::invalid,
            "bundle: it is of the VO key {}, expected {}: take the bundle and the fingerprint from the "
            "VO's manager",
            key_fingerprint(*vo_key), pinned_fingerprint);

    const auto vo_node = root.field("vo");
    if (!vo_node) return std::unexpected(vo_node.error());
    const auto vo_payload = open_statement(*vo_node, kVoType, *vo_key, kVoPayloadMax);
    if (!vo_payload) return std::unexpected(vo_payload.error());
    auto vo = read_vo_payload(*vo_payload);
    if (!vo) return std::unexpected(vo.error());

    const auto content_node = root.field("content");
    if (!content_node) return std::unexpected(content_node.error());
    const auto content = open_statement(*content_node, kContentType, vo->registrar_key, kBundleMax);
    if (!content) return std::unexpected(content.error());
    auto bundle = read_content(*content, std::move(*vo));
    if (!bundle) return std::unexpected(bundle.error());
    if (auto good = check_validity(*bundle, now, grace); !good) return std::unexpected(good.error());
    return bundle;
}

Outcome<std::string> sign_vo_record(const VoRecord& record, const SigningKey& vo_key) {
    if (auto good = check_vo_record(record); !good) return std::unexpected(good.error());
    return sign_statement(write_vo_record(record).format(), kVoType, vo_key)
        .transform([](const Json& statement) { return statement.format(); });
}

Outcome<VoRecord> open_vo_record(std::string_view statement, std::span<const uint8_t, 32> vo_key) {
    const auto json = Json::parse(statement, {.bytes = 2 * kVoPayloadMax, .depth = 2}, "VO record");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    const auto payload = open_statement(root, kVoType, vo_key, kVoPayloadMax);
    if (!payload) return std::unexpected(payload.error());
    return read_vo_payload(*payload);
}

Outcome<std::string> seal_bundle(const Bundle& bundle, std::string_view vo_statement,
                                 std::span<const uint8_t, 32> vo_key, const SigningKey& registrar_key) {
    const auto vo = open_vo_record(vo_statement, vo_key);
    if (!vo) return std::unexpected(vo.error());
    if (*vo != bundle.vo || registrar_key.public_bytes() != vo->registrar_key)
        return failure(Errc::conflict, "the signed record of VO {} differs from what the bundle is made with",
                       bundle.vo.name);
    if (auto good = check_bundle(bundle); !good) return std::unexpected(good.error());
    const auto policy = Json::parse(bundle.policy, {.bytes = kPolicyMax, .depth = kPolicyDepth}, "VO policy");
    if (!policy) return std::unexpected(policy.error());
    const auto content = sign_statement(write_content(bundle, *policy).format(), kContentType, registrar_key);
    if (!content) return std::unexpected(content.error());
    const auto statement = Json::parse(vo_statement, {.bytes = 2 * kVoPayloadMax, .depth = 2}, "VO record");
    if (!statement) return std::unexpected(statement.error());
    return JsonObject()
        .set("xos-bundle", Json::integer(kFormat))
        .set("vo_key", Json::string(encode_base64url(vo_key)))
        .set("vo", *statement)
        .set("content", *content)
        .build()
        .format();
}

}  // namespace xos

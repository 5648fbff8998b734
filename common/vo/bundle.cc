#include "common/vo/bundle.h"

#include "common/first_failure.h"
#include "common/vo/content_json.h"

namespace xos {
namespace {

constexpr uint64_t kFormat = 1;
constexpr char kContentType[] = "xos-bundle+json";

// vo is believed by now, and content is signed by its registrar.
Outcome<Bundle> read_content(std::string_view payload, VoRecord vo) {
    const auto json = Json::parse(payload, {.bytes = kBundleMax, .depth = kContentDepth}, "bundle's content");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    Bundle bundle;
    std::string id;
    FirstFailure first;
    first.check(
        root.object({"vo", "serial", "issued", "not_after", "members", "groups", "revoked", "policy",
                     "revoked_identities", "voms", "crls", "nodes"}));
    for (const char* key : {"members", "groups", "revoked"})
        if (const auto list = root.field(key); !list) first.check(std::unexpected(list.error()));
    first.take(id, root.string("vo", 36));
    first.take(bundle.serial, root.integer("serial", 1, kSerialMax));
    first.take(bundle.issued, read_seconds(root, "issued"));
    first.take(bundle.not_after, read_seconds(root, "not_after"));
    first.take(bundle.groups, read_groups(root, "groups", vo.block_size));
    first.take(bundle.members, read_members(root, "members", vo.block_size));
    first.take(bundle.revoked_serials, read_texts(root, "revoked", kRevokedMax, 40));
    first.take(bundle.policy, read_policy(root));
    first.take(bundle.revoked_identities,
               read_identities(root, "revoked_identities", kRevokedIdentitiesMax));
    if (const auto voms = root.find("voms")) first.take(bundle.voms, read_voms_trust(*voms));
    first.take(bundle.crls, read_der_list(root, "crls", kCrlsMax, kCrlMax));
    first.take(bundle.nodes, read_nodes(root, "nodes"));
    if (first) return first.get();
    if (id != vo.id) return root.invalid(compose("vo: it belongs to another VO than {}", vo.name));
    bundle.vo = std::move(vo);
    if (auto good = check_bundle(bundle); !good) return std::unexpected(good.error());
    if (bundle.not_after - bundle.issued > bundle.vo.bundle_lifetime)
        return root.invalid("not_after: it lasts longer than the VO record allows");
    return bundle;
}

Json write_content(const Bundle& bundle, Json policy) {
    JsonObject object;
    object.set("vo", Json::string(bundle.vo.id))
        .set("serial", Json::integer(bundle.serial))
        .set("issued", write_seconds(bundle.issued))
        .set("not_after", write_seconds(bundle.not_after))
        .set("groups", write_records(bundle.groups, write_group))
        .set("members", write_records(bundle.members, write_member))
        .set("revoked", Json::strings(bundle.revoked_serials))
        .set("policy", std::move(policy));
    if (!bundle.revoked_identities.empty())
        object.set("revoked_identities", write_identities(bundle.revoked_identities));
    if (bundle.voms) object.set("voms", write_voms_trust(*bundle.voms));
    if (!bundle.crls.empty()) object.set("crls", write_der_list(bundle.crls));
    if (!bundle.nodes.empty()) object.set("nodes", write_records(bundle.nodes, write_node));
    return object.build();
}

}  // namespace

Outcome<Bundle> open_bundle(std::string_view bytes, std::string_view pinned_fingerprint,
                            std::chrono::sys_seconds now, std::chrono::seconds grace) {
    std::string content;
    VoRecord vo;
    {
        const auto json = Json::parse(bytes, {.bytes = kBundleMax, .depth = 3}, "bundle");
        if (!json) return std::unexpected(json.error());
        const JsonNode root = json->root();
        FirstFailure first;
        first.check(root.object({"xos-bundle", "vo_key", "vo", "content"}));
        if (first) return first.get();
        if (auto format = root.integer("xos-bundle", kFormat, kFormat); !format)
            return std::unexpected(format.error());
        first.take(vo, open_vo_part(root, pinned_fingerprint, "bundle"));
        if (first) return first.get();
        const auto node = root.field("content");
        if (!node) return std::unexpected(node.error());
        first.take(content, open_statement(*node, kContentType, vo.registrar_key, kBundleMax));
        if (first) return first.get();
    }  // what was parsed is as large as the content: it goes before that is read
    auto bundle = read_content(content, std::move(vo));
    if (!bundle) return std::unexpected(bundle.error());
    if (auto good = check_validity(bundle->vo, bundle->issued, bundle->not_after, now, grace); !good)
        return std::unexpected(good.error());
    return bundle;
}

Outcome<std::string> seal_bundle(const Bundle& bundle, std::string_view vo_statement,
                                 std::span<const uint8_t, 32> vo_key, const SigningKey& registrar_key) {
    if (auto good = check_bundle(bundle); !good) return std::unexpected(good.error());
    const auto policy = write_policy(bundle.policy);
    if (!policy) return std::unexpected(policy.error());
    return seal_file(bundle.vo, vo_statement, vo_key, "xos-bundle", "content",
                     write_content(bundle, *policy).format(), kContentType, registrar_key);
}

}  // namespace xos

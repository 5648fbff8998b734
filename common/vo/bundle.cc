#include "common/vo/bundle.h"

#include <algorithm>

#include "common/first_failure.h"
#include "common/json_slices.h"
#include "common/vo/content_json.h"

namespace xos {
namespace {

constexpr uint64_t kFormat = 1;
constexpr char kContentType[] = "xos-bundle+json";
constexpr size_t kMemberTextMax = 64 * 1024;  // 16 identities of two names, all groups and roles
constexpr size_t kMemberTextUsual = 100;

Outcome<std::vector<Member>> read_each_member(const std::vector<JsonField>& content, uint32_t block_size) {
    const JsonField* const field = find_field(content, "members");
    if (field == nullptr) return failure(Errc::invalid, "bundle's content: the key \"members\" is missing");
    auto slices = ArraySlices::open(*field, "bundle's content");
    if (!slices) return std::unexpected(slices.error());
    std::vector<Member> members;
    members.reserve(std::min(field->value.size() / kMemberTextUsual, kMembersMax));
    for (;;) {
        const auto text = slices->next();
        if (!text) return std::unexpected(text.error());
        if (text->empty()) return members;
        if (members.size() == kMembersMax)
            return failure(Errc::invalid, "bundle's content: members: expected at most {}", kMembersMax);
        const auto json = Json::parse(*text, {.bytes = kMemberTextMax, .depth = kContentDepth}, "member");
        auto member = json.and_then([&](const Json& value) {
            const JsonNode root = value.root();
            return read_member(root, block_size);
        });
        if (!member)
            return failure(member.error().code, "bundle's content: members[{}]: {}", members.size(),
                           member.error().message);
        members.push_back(*std::move(member));
    }
}

// vo is believed by now, and content is signed by its registrar. The members are read one by one: as one JSON
// value they would take several times the memory of all else.
Outcome<Bundle> read_content(std::string_view payload, VoRecord vo) {
    const auto fields = slice_object(payload, "bundle's content");
    if (!fields) return std::unexpected(fields.error());
    const auto json = Json::parse(join_fields(*fields, "members"),
                                  {.bytes = kBundleMax, .depth = kContentDepth}, "bundle's content");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    Bundle bundle;
    std::string id;
    FirstFailure first;
    first.check(root.object({"vo", "serial", "issued", "not_after", "groups", "revoked", "policy",
                             "revoked_identities", "voms", "crls", "nodes"}));
    for (const char* key : {"groups", "revoked"})
        if (const auto list = root.field(key); !list) first.check(std::unexpected(list.error()));
    first.take(id, root.string("vo", 36));
    first.take(bundle.serial, root.integer("serial", 1, kSerialMax));
    first.take(bundle.issued, read_seconds(root, "issued"));
    first.take(bundle.not_after, read_seconds(root, "not_after"));
    first.take(bundle.groups, read_groups(root, "groups", vo.block_size, kGroupsMax));
    first.take(bundle.revoked_serials, read_texts(root, "revoked", kRevokedMax, 40));
    first.take(bundle.policy, read_policy(root));
    first.take(bundle.revoked_identities, read_identities(root, "revoked_identities", kRevokedIdentitiesMax));
    if (const auto voms = root.find("voms")) first.take(bundle.voms, read_voms_trust(*voms));
    first.take(bundle.crls, read_der_list(root, "crls", kCrlsMax, kCrlMax));
    first.take(bundle.nodes, read_nodes(root, "nodes", kNodesMax));
    if (first) return first.get();
    if (id != vo.id) return root.invalid(compose("vo: it belongs to another VO than {}", vo.name));
    first.take(bundle.members, read_each_member(*fields, vo.block_size));
    if (first) return first.get();
    bundle.vo = std::move(vo);
    if (auto good = check_bundle(bundle); !good) return std::unexpected(good.error());
    if (bundle.not_after - bundle.issued > bundle.vo.bundle_lifetime)
        return root.invalid("not_after: it lasts longer than the VO record allows");
    return bundle;
}

// Members last and one by one, for the same reason.
std::string write_content(const Bundle& bundle, Json policy) {
    JsonObject object;
    object.set("vo", Json::string(bundle.vo.id))
        .set("serial", Json::integer(bundle.serial))
        .set("issued", write_seconds(bundle.issued))
        .set("not_after", write_seconds(bundle.not_after))
        .set("groups", write_records(bundle.groups, write_group))
        .set("revoked", Json::strings(bundle.revoked_serials))
        .set("policy", std::move(policy));
    if (!bundle.revoked_identities.empty())
        object.set("revoked_identities", write_identities(bundle.revoked_identities));
    if (bundle.voms) object.set("voms", write_voms_trust(*bundle.voms));
    if (!bundle.crls.empty()) object.set("crls", write_der_list(bundle.crls));
    if (!bundle.nodes.empty()) object.set("nodes", write_records(bundle.nodes, write_node));
    std::string text = object.build().format();
    text.back() = ',';
    text += "\"members\":[";
    for (const Member& member : bundle.members) {
        if (text.back() != '[') text += ',';
        text += write_member(member).format();
    }
    return text + "]}";
}

}  // namespace

Outcome<Bundle> open_bundle(std::string_view bytes, std::string_view pinned_fingerprint,
                            std::chrono::sys_seconds now, std::chrono::seconds grace) {
    if (bytes.size() > kBundleMax)
        return failure(Errc::invalid, "bundle: {} bytes are more than the {} allowed", bytes.size(),
                       kBundleMax);
    const auto fields = slice_object(bytes, "bundle");
    if (!fields) return std::unexpected(fields.error());
    const auto json =
        Json::parse(join_fields(*fields, "content"), {.bytes = 4 * kVoPayloadMax, .depth = 3}, "bundle");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    if (auto good = root.object({"xos-bundle", "vo_key", "vo"}); !good) return std::unexpected(good.error());
    if (auto format = root.integer("xos-bundle", kFormat, kFormat); !format)
        return std::unexpected(format.error());
    auto vo = open_vo_part(root, pinned_fingerprint, "bundle");
    if (!vo) return std::unexpected(vo.error());
    const JsonField* const content_field = find_field(*fields, "content");
    if (content_field == nullptr) return failure(Errc::invalid, "bundle: the key \"content\" is missing");
    auto content =
        open_statement_text(content_field->value, kContentType, vo->registrar_key, kBundleMax, "bundle");
    if (!content) return std::unexpected(content.error());
    auto bundle = read_content(*content, *std::move(vo));
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
    return seal_file(bundle.vo, vo_statement, vo_key, "xos-bundle", "content", write_content(bundle, *policy),
                     kContentType, registrar_key);
}

}  // namespace xos

#include "common/vo/content_json.h"

#include <algorithm>

#include "common/time_text.h"
#include "common/vo/bundle.h"

namespace xos {
namespace {

constexpr uint64_t kFormat = 1;
constexpr uint64_t kTimeMax = 253402300799;  // the end of the year 9999, the last that X.509 can say

Outcome<VoRecord> read_vo_payload(std::string_view payload) {
    const auto json = Json::parse(payload, {.bytes = kVoPayloadMax, .depth = 3}, "VO record");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    return read_vo_record(root);
}

template <typename Record, typename Read>
Outcome<std::vector<Record>> read_list(const JsonNode& content, const char* key, size_t max, Read read) {
    std::vector<Record> records;
    const auto list = content.find(key);
    if (!list) return records;
    const auto count = list->array(max);
    if (!count) return std::unexpected(count.error());
    records.reserve(*count);
    for (size_t i = 0; i < *count; ++i) {
        const JsonNode element = list->at(i);
        auto record = read(element);
        if (!record) return std::unexpected(record.error());
        records.push_back(std::move(*record));
    }
    return records;
}

}  // namespace

Outcome<VoRecord> open_vo_part(const JsonNode& root, std::string_view pinned_fingerprint,
                               std::string_view what) {
    const auto vo_key = read_32_bytes(root, "vo_key");
    if (!vo_key) return std::unexpected(vo_key.error());
    if (key_fingerprint(*vo_key) != pinned_fingerprint)
        return failure(
            Errc::invalid,
            "{}: it is of the VO key {}, expected {}: take the bundle and the fingerprint from the "
            "VO's manager",
            what, key_fingerprint(*vo_key), pinned_fingerprint);
    const auto vo_node = root.field("vo");
    if (!vo_node) return std::unexpected(vo_node.error());
    const auto payload = open_statement(*vo_node, kVoType, *vo_key, kVoPayloadMax);
    if (!payload) return std::unexpected(payload.error());
    return read_vo_payload(*payload);
}

Outcome<std::string> seal_file(const VoRecord& record, std::string_view vo_statement,
                               std::span<const uint8_t, 32> vo_key, const char* format, const char* part,
                               std::string_view payload, std::string_view type,
                               const SigningKey& registrar_key) {
    const auto vo = open_vo_record(vo_statement, vo_key);
    if (!vo) return std::unexpected(vo.error());
    if (*vo != record || registrar_key.public_bytes() != vo->registrar_key)
        return failure(Errc::conflict, "the signed record of VO {} differs from what the bundle is made with",
                       record.name);
    const auto content = sign_statement(payload, type, registrar_key);
    if (!content) return std::unexpected(content.error());
    const auto statement = Json::parse(vo_statement, {.bytes = 2 * kVoPayloadMax, .depth = 2}, "VO record");
    if (!statement) return std::unexpected(statement.error());
    return JsonObject()
        .set(format, Json::integer(kFormat))
        .set("vo_key", Json::string(encode_base64url(vo_key)))
        .set("vo", *statement)
        .set(part, *content)
        .build()
        .format();
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

Outcome<void> check_validity(const VoRecord& record, std::chrono::sys_seconds issued,
                             std::chrono::sys_seconds not_after, std::chrono::sys_seconds now,
                             std::chrono::seconds grace) {
    const std::string& vo = record.name;
    if (now + kClockSkew < record.not_before)
        return failure(Errc::denied, "the VO {} begins at {}, it is {} here: wait, or compare the clocks", vo,
                       format_time(record.not_before), format_time(now));
    if (now >= record.not_after)
        return failure(Errc::denied, "the VO {} ended at {}: its manager must renew it", vo,
                       format_time(record.not_after));
    if (now + kClockSkew < issued)
        return failure(Errc::denied,
                       "the bundle of {} was made at {}, it is {} here: the clocks differ by {}", vo,
                       format_time(issued), format_time(now), issued - now);
    if (now >= not_after + grace)
        return failure(Errc::denied, "the bundle of {} expired at {}, it is {}: get a newer one from the VO",
                       vo, format_time(not_after), format_time(now));
    return {};
}

Outcome<std::vector<Member>> read_members(const JsonNode& content, const char* key, uint32_t block_size,
                                          size_t max) {
    return read_list<Member>(content, key, max,
                             [&](const JsonNode& node) { return read_member(node, block_size); });
}

Outcome<std::vector<Group>> read_groups(const JsonNode& content, const char* key, uint32_t block_size,
                                        size_t max) {
    return read_list<Group>(content, key, max,
                            [&](const JsonNode& node) { return read_group(node, block_size); });
}

Outcome<std::vector<NodeRecord>> read_nodes(const JsonNode& content, const char* key, size_t max) {
    return read_list<NodeRecord>(content, key, max, read_node);
}

Outcome<std::vector<std::string>> read_texts(const JsonNode& content, const char* key, size_t max,
                                             size_t max_bytes) {
    return read_list<std::string>(content, key, max,
                                  [&](const JsonNode& node) { return node.string(max_bytes); });
}

Outcome<std::string> read_policy(const JsonNode& content) {
    const auto policy = content.field("policy");
    if (!policy) return std::unexpected(policy.error());
    std::string text = policy->format();
    if (text.size() > kPolicyMax) return policy->invalid(compose("expected at most {} bytes", kPolicyMax));
    return text;
}

Outcome<Json> write_policy(const std::string& policy) {
    return Json::parse(policy, {.bytes = kPolicyMax, .depth = kPolicyDepth}, "VO policy");
}

Outcome<std::chrono::sys_seconds> read_seconds(const JsonNode& content, const char* key) {
    return content.integer(key, 0, kTimeMax).transform([](uint64_t seconds) {
        return std::chrono::sys_seconds(std::chrono::seconds(seconds));
    });
}

Json write_seconds(std::chrono::sys_seconds time) {
    return Json::integer(static_cast<uint64_t>(time.time_since_epoch().count()));
}

}  // namespace xos

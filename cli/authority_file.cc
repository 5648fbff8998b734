#include "cli/authority_file.h"

#include <algorithm>

#include "cli/known_hosts.h"
#include "common/first_failure.h"
#include "common/vo/bundle.h"

namespace xos {
namespace {

constexpr size_t kRecordMax = 64 * 1024;
constexpr JsonLimits kLimits{.bytes = kRecordMax, .depth = 4};

Outcome<Json> read_json(const UserFolder& folder, const char* name) {
    const auto text = folder.read(name);
    if (!text) return std::unexpected(text.error());
    auto json = Json::parse(*text, kLimits, name);
    if (!json) return failure(json.error().code, "in {}: {}", folder.path(), json.error().message);
    return json;
}

std::string format(const KnownAuthority& authority) {
    return JsonObject()
        .set("url", Json::string(authority.url))
        .set("pin", Json::string(authority.pin))
        .set("vo", Json::string(authority.vo_fingerprint))
        .build()
        .format();
}

}  // namespace

Outcome<SignedVoRecord> read_signed_record(const JsonNode& node, std::string_view vo) {
    const auto key = read_32_bytes(node, "vo_key");
    if (!key) return std::unexpected(key.error());
    const auto statement = node.field("record");
    if (!statement) return std::unexpected(statement.error());
    auto record = open_vo_record(statement->format(), *key);
    if (!record) return std::unexpected(record.error());
    if (record->name != vo)
        return failure(Errc::denied, "the record is of the VO {}, not of {}", record->name, vo);
    const Json parsed = Json::adopt(sd_json_variant_ref(statement->variant()));
    std::string text = JsonObject()
                           .set("vo_key", Json::string(encode_base64url(*key)))
                           .set("record", parsed)
                           .build()
                           .format();
    return SignedVoRecord{std::move(*record), key_fingerprint(*key), std::move(text)};
}

Outcome<KnownAuthority> read_authority(const UserFolder& folder) {
    const auto json = read_json(folder, kAuthorityFile);
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    KnownAuthority authority;
    FirstFailure first;
    first.check(root.object({"url", "pin", "vo"}));
    first.take(authority.url, root.string("url", kUrlMax));
    first.take(authority.pin, root.string("pin", 50));
    first.take(authority.vo_fingerprint, root.string("vo", 50));
    if (first) return first.get();
    if (!is_https_url(authority.url) || !is_key_fingerprint(authority.pin) ||
        !is_key_fingerprint(authority.vo_fingerprint))
        return failure(Errc::invalid, "{} is broken: enrol anew with a code of the VO's manager",
                       folder.path_of(kAuthorityFile));
    return authority;
}

Outcome<std::optional<KnownAuthority>> find_authority(const UserFolder& folder) {
    auto known = read_authority(folder);
    if (known) return std::optional(std::move(*known));
    if (known.error().code == Errc::not_found) return std::nullopt;
    return std::unexpected(known.error());
}

Outcome<SignedVoRecord> read_record(const UserFolder& folder, const KnownAuthority& authority,
                                    std::string_view vo) {
    const auto json = read_json(folder, kRecordFile);
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    auto record = read_signed_record(root, vo);
    if (record && record->fingerprint != authority.vo_fingerprint)
        return failure(Errc::denied, "{} is signed by another VO key than the one pinned",
                       folder.path_of(kRecordFile));
    return record;
}

Outcome<void> keep_record(const UserFolder& folder, const SignedVoRecord& record) {
    const auto found = find_authority(folder);
    if (!found) return std::unexpected(found.error());
    const std::optional<KnownAuthority>& known = *found;
    const VoRecord& vo = record.record;
    if (known && known->vo_fingerprint != record.fingerprint)
        return failure(
            Errc::denied,
            "the VO {} here has the key {}, and this is another VO of that name ({}); if it was made anew, "
            "remove {} first",
            vo.name, known->vo_fingerprint, record.fingerprint, folder.path());
    if (known)
        if (const auto old = read_record(folder, *known, vo.name); old && old->record.serial > vo.serial)
            return failure(Errc::denied,
                           "the authority hands out a record of {} older than the one known here", vo.name);
    const KnownAuthority authority{vo.authority, vo.authority_pin, record.fingerprint};
    const bool named = !authority.url.empty() && !authority.pin.empty();
    if (!named && !known)
        return failure(Errc::denied, "the VO {} names no authority on the network in its record", vo.name);
    if (auto kept = folder.write(kRecordFile, record.text, 0600); !kept) return kept;
    if (auto kept = write_known_hosts(folder, vo); !kept) return kept;
    if (!named || known == authority) return {};
    return folder.write(kAuthorityFile, format(authority), 0600);
}

}  // namespace xos

#include "common/vo/records.h"

#include <algorithm>
#include <bit>
#include <unordered_map>
#include <unordered_set>

#include "common/first_failure.h"
#include "common/uuid.h"
#include "common/vo/content_json.h"
#include "common/vo/signed_record.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

using Fault = std::optional<std::string>;  // what is wrong, for a person

constexpr uint64_t kTimeMax = 253402300799;  // the end of the year 9999, the last that X.509 can say
constexpr std::chrono::seconds kLifetimeMin = std::chrono::minutes(1);
constexpr std::chrono::seconds kLifetimeMax = std::chrono::days(30);

bool are_distinct(const std::vector<std::string>& names) {
    std::vector<std::string_view> sorted(names.begin(), names.end());
    std::ranges::sort(sorted);
    return std::ranges::adjacent_find(sorted) == sorted.end();
}

bool is_identity(const GridIdentity& identity) {
    return is_distinguished_name(identity.issuer) && is_distinguished_name(identity.subject);
}

bool is_block_size(uint32_t size) {
    return std::has_single_bit(size) && size >= kBlockSize && size <= kBlockSizeMax;
}

Fault fault_of(const VoRecord& vo) {
    if (!is_vo_name(vo.name)) return "name: expected a VO name such as physics or bio.example.org";
    if (!is_uuid(vo.id)) return "id: expected a UUID";
    if (vo.serial < 1 || vo.serial > kSerialMax) return compose("serial: expected 1..{}", kSerialMax);
    if (vo.not_after <= vo.not_before) return "not_after: expected a time after not_before";
    if (!is_block_size(vo.block_size))
        return compose("block_size: expected a power of two, {}..{}", kBlockSize, kBlockSizeMax);
    if (vo.uid_base % vo.block_size != 0 || vo.uid_base < kUidMin ||
        vo.uid_base > kUidMax - (vo.block_size - 1))
        return compose("uid_base: expected a multiple of {:#x} whose block lies within {:#x}-{:#x}",
                       vo.block_size, kUidMin, kUidMax);
    if (vo.ca_certificate.empty() || vo.ca_certificate.size() > kCredentialMax)
        return "ca: expected a certificate";
    if (vo.bundle_lifetime < kLifetimeMin || vo.bundle_lifetime > kLifetimeMax)
        return "bundle_lifetime: expected 1 minute to 30 days, in seconds";
    if (!vo.authority.empty() && !is_https_url(vo.authority))
        return "authority: expected a URL such as https://authority.example.org:7443";
    if (vo.authority.empty() != vo.authority_pin.empty() ||
        (!vo.authority.empty() && !is_key_fingerprint(vo.authority_pin)))
        return "authority_pin: expected SHA256:… beside an authority, and nothing without one";
    if (vo.mirrors.size() > kMirrorsMax || !std::ranges::all_of(vo.mirrors, is_web_url))
        return compose("mirrors: expected at most {} URLs", kMirrorsMax);
    return std::nullopt;
}

Fault fault_of(const Member& member, uint32_t block_size) {
    if (!is_user_name(member.name)) return "name: expected a user name, [a-z][a-z0-9._-]{0,30}";
    const uint32_t last = first_group_offset(block_size) - 1;
    if (member.number < 1 || member.number > last) return compose("number: expected an integer 1..{}", last);
    if (!is_uuid(member.id)) return "id: expected a UUID";
    if (member.groups.size() > kGroupsPerMemberMax || !std::ranges::all_of(member.groups, is_user_name) ||
        !are_distinct(member.groups) || std::ranges::contains(member.groups, kMembersGroup))
        return compose("groups: expected at most {} different group names, without \"{}\"",
                       kGroupsPerMemberMax, kMembersGroup);
    if (member.roles.size() > kRolesPerMemberMax || !std::ranges::all_of(member.roles, is_user_name) ||
        !are_distinct(member.roles))
        return compose("roles: expected at most {} different role names", kRolesPerMemberMax);
    if (member.identities.size() > kIdentitiesPerMemberMax)
        return compose("identities: expected at most {}", kIdentitiesPerMemberMax);
    if (!std::ranges::all_of(member.identities, is_identity))
        return "identities: expected distinguished names such as /DC=org/CN=User One";
    if (member.credentials_from.time_since_epoch().count() < 0 ||
        member.credentials_from > std::chrono::sys_seconds(std::chrono::seconds(kTimeMax)))
        return "credentials_from: expected a time before the year 10000";
    return std::nullopt;
}

Fault fault_of(const Group& group, uint32_t block_size) {
    if (!is_user_name(group.name)) return "name: expected a group name, [a-z][a-z0-9._-]{0,30}";
    const uint32_t last = block_size / 4 - 1;
    if (group.number > last) return compose("number: expected an integer 0..{}", last);
    if ((group.number == 0) != (group.name == kMembersGroup))
        return compose("number: 0 is the number of \"{}\" and of nothing else", kMembersGroup);
    return std::nullopt;
}

// name is quoted only where it is known to be harmless
std::unexpected<Failure> about(std::string_view kind, std::string_view name, bool sound,
                               const std::string& fault) {
    return failure(Errc::invalid, "{} {}: {}", kind, sound ? name : "(bad name)", fault);
}

Outcome<std::vector<std::string>> read_names(const JsonNode& record, const char* key, size_t max) {
    std::vector<std::string> names;
    const auto list = record.find(key);
    if (!list) return names;
    const auto count = list->array(max);
    if (!count) return std::unexpected(count.error());
    names.reserve(*count);
    for (size_t i = 0; i < *count; ++i) {
        auto name = list->at(i).string(kUserNameMax);
        if (!name) return std::unexpected(name.error());
        names.push_back(std::move(*name));
    }
    return names;
}

Outcome<Bytes> read_bytes(const JsonNode& record, const char* key, size_t max) {
    const auto node = record.field(key);
    if (!node) return std::unexpected(node.error());
    const auto text = node->text(max * 4 / 3 + 4);
    if (!text) return std::unexpected(text.error());
    auto bytes = decode_base64url(*text);
    if (!bytes) return node->invalid("expected base64url without padding");
    return std::move(*bytes);
}

template <typename Record>
Outcome<void> check_unique(const std::vector<Record>& records, const char* kind) {
    std::unordered_set<std::string_view> names;
    std::unordered_set<uint32_t> numbers;
    names.reserve(records.size());
    numbers.reserve(records.size());
    for (const Record& record : records) {
        if (!names.insert(record.name).second)
            return failure(Errc::invalid, "{} {}: there twice", kind, record.name);
        if (!numbers.insert(record.number).second)
            return failure(Errc::invalid, "{} {}: number {} is another's too", kind, record.name,
                           record.number);
    }
    return {};
}

// What a reader of bundles takes: nobody signs more.
Outcome<void> check_counts(const Bundle& bundle) {
    const std::pair<size_t, size_t> counts[] = {
        {bundle.members.size(), kMembersMax}, {bundle.groups.size(), kGroupsMax},
        {bundle.nodes.size(), kNodesMax},     {bundle.revoked_serials.size(), kRevokedMax},
        {bundle.crls.size(), kCrlsMax},       {bundle.revoked_identities.size(), kRevokedIdentitiesMax}};
    for (const auto& [count, max] : counts)
        if (count > max)
            return failure(Errc::invalid, "VO {}: {} records of one sort, a bundle holds at most {}",
                           bundle.vo.name, count, max);
    return {};
}

}  // namespace

Outcome<std::array<uint8_t, 32>> read_32_bytes(const JsonNode& record, const char* key) {
    std::array<uint8_t, 32> out;
    const auto bytes = read_bytes(record, key, out.size());
    if (!bytes) return std::unexpected(bytes.error());
    if (bytes->size() != out.size())
        return record.invalid(compose("{}: expected 32 bytes in base64url", key));
    std::ranges::copy(*bytes, out.begin());
    return out;
}

bool is_web_url(std::string_view text) {
    if (text.size() > kUrlMax) return false;
    if (text.starts_with("https://"))
        text.remove_prefix(8);
    else if (text.starts_with("http://"))
        text.remove_prefix(7);
    else
        return false;
    if (text.empty() || text.front() == '/' || text.front() == ':') return false;
    return std::ranges::all_of(
        text, [](char c) { return c > ' ' && c <= '~' && !std::string_view("\"'\\<>`{}|^#@").contains(c); });
}

bool is_https_url(std::string_view text) {
    return text.starts_with("https://") && is_web_url(text);
}

bool is_certificate_serial(std::string_view text) {
    return text.size() >= 2 && text.size() <= 40 && text.size() % 2 == 0 &&
           std::ranges::all_of(text, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

Outcome<void> check_vo_record(const VoRecord& record) {
    if (const Fault fault = fault_of(record))
        return about("VO", record.name, is_vo_name(record.name), *fault);
    return {};
}

Outcome<void> check_member(const Member& member, uint32_t block_size) {
    if (const Fault fault = fault_of(member, block_size))
        return about("member", member.name, is_user_name(member.name), *fault);
    return {};
}

Outcome<void> check_group(const Group& group, uint32_t block_size) {
    if (const Fault fault = fault_of(group, block_size))
        return about("group", group.name, is_user_name(group.name), *fault);
    return {};
}

Outcome<void> check_bundle(const Bundle& bundle) {
    const uint32_t size = bundle.vo.block_size;
    FirstFailure first;
    first.check(check_vo_record(bundle.vo));
    for (const Group& group : bundle.groups) first.check(check_group(group, size));
    for (const Member& member : bundle.members) first.check(check_member(member, size));
    if (first) return first.get();
    first.check(check_unique(bundle.groups, "group"));
    first.check(check_unique(bundle.members, "member"));
    if (first) return first.get();

    std::unordered_set<std::string_view> groups;
    for (const Group& group : bundle.groups) groups.insert(group.name);
    if (!groups.contains(kMembersGroup))
        return failure(Errc::invalid, "VO {}: the group \"{}\" is missing", bundle.vo.name, kMembersGroup);
    for (const Member& member : bundle.members)
        for (const std::string& group : member.groups)
            if (!groups.contains(group))
                return failure(Errc::invalid, "member {}: the group {} does not exist", member.name, group);
    std::unordered_map<std::string, std::string_view> owners;  // by issuer and subject
    for (const Member& member : bundle.members)
        for (const GridIdentity& identity : member.identities)
            if (const auto [owner, added] =
                    owners.emplace(identity.issuer + '\n' + identity.subject, member.name);
                !added)
                return failure(Errc::invalid, "member {}: {} is an identity of {} too", member.name,
                               identity.subject, owner->second);
    for (const NodeRecord& node : bundle.nodes) first.check(check_node(node));
    first.check(check_counts(bundle));
    if (first) return first.get();
    if (!std::ranges::all_of(bundle.revoked_identities, is_identity))
        return failure(Errc::invalid, "VO {}: a revoked identity is not of distinguished names",
                       bundle.vo.name);
    std::unordered_set<std::string_view> nodes;
    for (const NodeRecord& node : bundle.nodes)
        if (!nodes.insert(node.name).second) return failure(Errc::invalid, "node {}: there twice", node.name);
    for (const std::string& serial : bundle.revoked_serials)
        if (!is_certificate_serial(serial))
            return failure(Errc::invalid, "VO {}: a revoked serial is not lower-case hexadecimal",
                           bundle.vo.name);
    if (bundle.serial < 1 || bundle.serial > kSerialMax || bundle.not_after <= bundle.issued)
        return failure(Errc::invalid, "VO {}: serial or validity of the bundle out of range", bundle.vo.name);
    return {};
}

Json write_vo_record(const VoRecord& record) {
    JsonObject object;
    object.set("name", Json::string(record.name))
        .set("id", Json::string(record.id))
        .set("serial", Json::integer(record.serial))
        .set("not_before", write_seconds(record.not_before))
        .set("not_after", write_seconds(record.not_after))
        .set("uid_base", Json::integer(record.uid_base))
        .set("block_size", Json::integer(record.block_size))
        .set("ca", Json::string(encode_base64url(record.ca_certificate)))
        .set("registrar_key", Json::string(encode_base64url(record.registrar_key)))
        .set("bundle_lifetime", Json::integer(static_cast<uint64_t>(record.bundle_lifetime.count())));
    if (!record.authority.empty()) {
        object.set("authority", Json::string(record.authority));
        object.set("authority_pin", Json::string(record.authority_pin));
    }
    if (!record.mirrors.empty()) object.set("mirrors", Json::strings(record.mirrors));
    if (record.host_ca) object.set("host_ca", Json::string(encode_base64url(*record.host_ca)));
    if (record.dissolved) object.set("dissolved", Json::boolean(true));
    return object.build();
}

namespace {

Outcome<std::vector<std::string>> read_urls(const JsonNode& record, const char* key) {
    std::vector<std::string> urls;
    const auto list = record.find(key);
    if (!list) return urls;
    const auto count = list->array(kMirrorsMax);
    if (!count) return std::unexpected(count.error());
    for (size_t i = 0; i < *count; ++i) {
        auto url = list->at(i).string(kUrlMax);
        if (!url) return std::unexpected(url.error());
        urls.push_back(std::move(*url));
    }
    return urls;
}

}  // namespace

Outcome<VoRecord> read_vo_record(const JsonNode& node) {
    VoRecord record;
    FirstFailure first;
    first.check(node.object({"name", "id", "serial", "not_before", "not_after", "uid_base", "block_size",
                             "ca", "registrar_key", "bundle_lifetime", "authority", "authority_pin",
                             "mirrors", "host_ca", "dissolved"}));
    first.take(record.name, node.string("name", kVoNameMax));
    first.take(record.id, node.string("id", 36));
    first.take(record.serial, node.integer("serial", 1, kSerialMax));
    first.take(record.not_before, read_seconds(node, "not_before"));
    first.take(record.not_after, read_seconds(node, "not_after"));
    first.take(record.uid_base, node.integer("uid_base", kUidMin, kUidMax));
    first.take(record.block_size, node.integer("block_size", kBlockSize, kBlockSizeMax));
    first.take(record.ca_certificate, read_bytes(node, "ca", kCredentialMax));
    first.take(record.registrar_key, read_32_bytes(node, "registrar_key"));
    first.take(record.bundle_lifetime, node.integer("bundle_lifetime", 0, kTimeMax));
    if (node.find("authority")) first.take(record.authority, node.string("authority", kUrlMax));
    if (node.find("authority_pin")) first.take(record.authority_pin, node.string("authority_pin", 50));
    first.take(record.mirrors, read_urls(node, "mirrors"));
    if (node.find("host_ca")) first.take(record.host_ca, read_32_bytes(node, "host_ca"));
    if (node.find("dissolved")) first.take(record.dissolved, node.boolean("dissolved"));
    if (first) return first.get();
    if (const Fault fault = fault_of(record)) return node.invalid(*fault);
    return record;
}

Json write_member(const Member& member) {
    JsonObject object;
    object.set("name", Json::string(member.name));
    object.set("number", Json::integer(member.number));
    object.set("id", Json::string(member.id));
    if (!member.groups.empty()) object.set("groups", Json::strings(member.groups));
    if (!member.roles.empty()) object.set("roles", Json::strings(member.roles));
    if (member.suspended) object.set("suspended", Json::boolean(true));
    if (!member.identities.empty()) object.set("identities", write_identities(member.identities));
    if (member.credentials_from != std::chrono::sys_seconds{})
        object.set("credentials_from", write_seconds(member.credentials_from));
    return object.build();
}

Outcome<Member> read_member(const JsonNode& node, uint32_t block_size) {
    Member member;
    FirstFailure first;
    first.check(node.object(
        {"name", "number", "id", "groups", "roles", "suspended", "identities", "credentials_from"}));
    first.take(member.name, node.string("name", kUserNameMax));
    first.take(member.number, node.integer("number", 1, first_group_offset(block_size) - 1));
    first.take(member.id, node.string("id", 36));
    first.take(member.groups, read_names(node, "groups", kGroupsPerMemberMax));
    first.take(member.roles, read_names(node, "roles", kRolesPerMemberMax));
    if (const auto suspended = node.find("suspended")) first.take(member.suspended, suspended->boolean());
    first.take(member.identities, read_identities(node, "identities", kIdentitiesPerMemberMax));
    if (node.find("credentials_from"))
        first.take(member.credentials_from, read_seconds(node, "credentials_from"));
    if (first) return first.get();
    if (const Fault fault = fault_of(member, block_size)) return node.invalid(*fault);
    return member;
}

Json write_group(const Group& group) {
    return JsonObject()
        .set("name", Json::string(group.name))
        .set("number", Json::integer(group.number))
        .build();
}

Outcome<Group> read_group(const JsonNode& node, uint32_t block_size) {
    Group group;
    FirstFailure first;
    first.check(node.object({"name", "number"}));
    first.take(group.name, node.string("name", kUserNameMax));
    first.take(group.number, node.integer("number", 0, block_size / 4 - 1));
    if (first) return first.get();
    if (const Fault fault = fault_of(group, block_size)) return node.invalid(*fault);
    return group;
}

}  // namespace xos

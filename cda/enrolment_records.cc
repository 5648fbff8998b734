#include "cda/enrolment_records.h"

#include <algorithm>

#include "common/first_failure.h"

namespace xos {
namespace {

std::string invitation_key(std::string_view vo, std::string_view user) {
    return compose("vo/{}/invitation/{}", vo, user);
}
std::string enrolled_key(std::string_view vo, std::string_view user) {
    return compose("vo/{}/enrolled/{}", vo, user);
}

// The three fields that both records have: 32 bytes, a member, a moment.
struct Fields {
    std::array<uint8_t, 32> bytes{};
    std::string member_id;
    std::chrono::sys_seconds time;
};

std::string format(const Fields& fields, const char* bytes, const char* time) {
    return JsonObject()
        .set(bytes, Json::string(encode_base64url(fields.bytes)))
        .set("member", Json::string(fields.member_id))
        .set(time, Json::integer(static_cast<uint64_t>(fields.time.time_since_epoch().count())))
        .build()
        .format();
}

Outcome<Fields> read(const RegistryEntry& entry, const char* bytes, const char* time) {
    const auto json = Json::parse(entry.value, {.bytes = 4096, .depth = 2}, "authority's record");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    Fields fields;
    uint64_t seconds = 0;
    FirstFailure first;
    first.check(root.object({bytes, "member", time}));
    first.take(fields.bytes, read_32_bytes(root, bytes));
    first.take(fields.member_id, root.string("member", 36));
    first.take(seconds, root.integer(time, 0, kSerialMax));
    if (first) return first.get();
    fields.time = std::chrono::sys_seconds(std::chrono::seconds(seconds));
    return fields;
}

std::string format(const Invitation& invitation) {
    return format({invitation.secret_hash, invitation.member_id, invitation.not_after}, "hash", "not_after");
}

}  // namespace

Outcome<Kept<Invitation>> EnrolmentRecords::read_invitation(std::string_view vo, std::string_view user) {
    const auto entry = registry_.get(invitation_key(vo, user));
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) return Kept<Invitation>{};
    auto fields = read(**entry, "hash", "not_after");
    if (!fields) return std::unexpected(fields.error());
    return Kept<Invitation>{{fields->bytes, std::move(fields->member_id), fields->time}, (*entry)->revision};
}

Outcome<Kept<EnrolledKey>> EnrolmentRecords::read_key(std::string_view vo, std::string_view user) {
    const auto entry = registry_.get(enrolled_key(vo, user));
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) return Kept<EnrolledKey>{};
    auto fields = read(**entry, "key", "since");
    if (!fields) return std::unexpected(fields.error());
    return Kept<EnrolledKey>{{fields->bytes, std::move(fields->member_id), fields->time}, (*entry)->revision};
}

Outcome<void> EnrolmentRecords::put_invitation(std::string_view vo, std::string_view user,
                                               const Kept<Invitation>& invitation) {
    const auto done = registry_.put(invitation_key(vo, user), format(invitation.value), invitation.revision);
    if (!done) return std::unexpected(done.error());
    return {};
}

Outcome<void> EnrolmentRecords::enrol(std::string_view vo, std::string_view user,
                                      const Kept<Invitation>& invitation, const Kept<EnrolledKey>& key) {
    const RegistryChange changes[] = {
        {invitation_key(vo, user), invitation.revision, std::nullopt},
        {enrolled_key(vo, user), key.revision,
         format({key.value.key, key.value.member_id, key.value.since}, "key", "since")}};
    const auto done = registry_.commit(changes);
    if (!done) return std::unexpected(done.error());
    return {};
}

}  // namespace xos

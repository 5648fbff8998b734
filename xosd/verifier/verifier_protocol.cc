#include "xosd/verifier/verifier_protocol.h"

#include <algorithm>

#include "common/ssh/ssh_wire.h"
#include "common/uuid.h"
#include "common/vo/bundle.h"
#include "common/vo/records.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr size_t kKeyTextMax = kCredentialMax / 3 * 4 + 128;  // base64 of the largest blob, and its type
constexpr size_t kCaMax = 16 * 1024;
constexpr size_t kReasonMax = 1024;
constexpr size_t kSerialTextMax = 64;
constexpr size_t kUuidSize = 36;

void put_time(std::string& out, std::chrono::sys_seconds time) {
    put_u64(out, static_cast<uint64_t>(time.time_since_epoch().count()));
}

// Times beyond the year 9999 are refused: nothing that formats them could be surprised.
std::chrono::sys_seconds take_time(SshReader& reader, bool& good) {
    constexpr uint64_t kLast = 253402300799;
    const uint64_t seconds = reader.u64();
    good = good && seconds <= kLast;
    return std::chrono::sys_seconds(std::chrono::seconds(good ? static_cast<int64_t>(seconds) : 0));
}

void put_names(std::string& out, const std::vector<std::string>& names) {
    put_u32(out, static_cast<uint32_t>(names.size()));
    for (const std::string& name : names) put_string(out, name);
}

std::vector<std::string> take_names(SshReader& reader, size_t max, bool& good) {
    std::vector<std::string> names;
    const uint32_t count = reader.u32();
    good = good && count <= max;
    for (uint32_t i = 0; good && i < count && !reader.failed(); ++i)
        names.emplace_back(reader.string(kUserNameMax));
    good = good && std::ranges::all_of(names, [](const std::string& name) { return is_user_name(name); });
    return names;
}

void put_credential(std::string& out, const VerifiedCredential& credential) {
    const XosAttributes& user = credential.attributes;
    put_string(out, user.vo);
    put_string(out, user.user_id);
    put_string(out, user.login);
    put_u32(out, user.number);
    put_names(out, user.groups);
    put_names(out, user.roles);
    put_string(out, credential.serial);
    put_string(out, credential.fingerprint);
    put_time(out, credential.not_before);
    put_time(out, credential.not_after);
    put_string(out, as_text(credential.public_key.bytes));
    put_string(out, credential.pem);
}

bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); });
}

// good turns false where a field breaks its grammar; the reader's own failures are the caller's to ask for.
VerifiedCredential take_credential(SshReader& reader, bool& good) {
    VerifiedCredential credential;
    XosAttributes& user = credential.attributes;
    user.vo = reader.string(kVoNameMax);
    user.user_id = reader.string(kUuidSize);
    user.login = reader.string(kUserNameMax);
    user.number = reader.u32();
    user.groups = take_names(reader, kGroupsPerMemberMax, good);
    user.roles = take_names(reader, kRolesPerMemberMax, good);
    credential.serial = reader.string(kSerialTextMax);
    credential.fingerprint = reader.string(kSerialTextMax);
    credential.not_before = take_time(reader, good);
    credential.not_after = take_time(reader, good);
    const auto key = as_bytes(reader.string(32));
    credential.public_key = {KeyType::ed25519, Bytes(key.begin(), key.end())};
    credential.pem = reader.string(kCredentialMax);
    good = good && is_vo_name(user.vo) && is_uuid(user.user_id) && is_user_name(user.login) &&
           user.number > 0 && user.number < first_group_offset(kBlockSizeMax) &&
           is_certificate_serial(credential.serial) && is_key_fingerprint(credential.fingerprint) &&
           credential.not_before < credential.not_after && key.size() == 32 && is_printable(credential.pem);
    return credential;
}

}  // namespace

Outcome<std::string> encode_request(uint64_t id, const VerifyRequest& request) {
    if (request.ssh_key.size() > kKeyTextMax)
        return failure(Errc::invalid, "the SSH certificate has {} characters, at most {} are read",
                       request.ssh_key.size(), kKeyTextMax);
    if (request.ca_certificate.size() > kCaMax || request.vo.size() > kVoNameMax)
        return failure(Errc::invalid, "the CA certificate or the name of the VO is too large");
    std::string packet;
    put_u64(packet, id);
    put_string(packet, request.ssh_key);
    put_string(packet, as_text(request.ca_certificate));
    put_string(packet, request.vo);
    put_time(packet, request.now);
    return packet;
}

Outcome<NumberedRequest> decode_request(std::string_view packet) {
    SshReader reader(packet);
    bool good = true;
    NumberedRequest numbered;
    numbered.id = reader.u64();
    numbered.request.ssh_key = reader.string(kKeyTextMax);
    const auto ca = as_bytes(reader.string(kCaMax));
    numbered.request.ca_certificate.assign(ca.begin(), ca.end());
    numbered.request.vo = reader.string(kVoNameMax);
    numbered.request.now = take_time(reader, good);
    if (!reader.complete() || !good) return failure(Errc::invalid, "malformed request");
    return numbered;
}

std::string encode_answer(uint64_t id, const Outcome<VerifiedCredential>& credential) {
    std::string packet;
    put_u64(packet, id);
    put_u8(packet, credential ? 1 : 0);
    if (credential) {
        put_credential(packet, *credential);
    } else {
        put_u8(packet, static_cast<uint8_t>(credential.error().code));
        put_string(packet, std::string_view(credential.error().message).substr(0, kReasonMax));
    }
    return packet;
}

Outcome<NumberedAnswer> decode_answer(std::string_view packet) {
    SshReader reader(packet);
    bool good = true;
    NumberedAnswer numbered{.id = reader.u64(), .credential = {}};
    if (reader.u8() == 1) {
        numbered.credential = take_credential(reader, good);
    } else {
        const uint8_t code = reader.u8();
        good = code <= static_cast<uint8_t>(Errc::system);
        Failure reason{good ? static_cast<Errc>(code) : Errc::invalid,
                       std::string(reader.string(kReasonMax))};
        numbered.credential = std::unexpected(std::move(reason));
    }
    if (!reader.complete() || !good) return failure(Errc::invalid, "the verifier gave a malformed answer");
    return numbered;
}

}  // namespace xos

#include "xosd/verifier/verifier_protocol.h"

#include <algorithm>

#include "common/ssh/ssh_wire.h"
#include "common/uuid.h"
#include "common/vo/bundle.h"
#include "common/vo/grid_identity.h"
#include "common/vo/records.h"
#include "common/voms/fqan.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr size_t kKeyTextMax = kCredentialMax / 3 * 4 + 128;  // base64 of the largest blob, and its type
constexpr size_t kCaMax = 16 * 1024;
constexpr size_t kKeyBytesMax = 2048;
constexpr size_t kReasonMax = 1024;
constexpr size_t kSerialTextMax = 64;
constexpr size_t kUuidSize = 36;
constexpr std::chrono::seconds kGraceMax = std::chrono::hours(24 * 366);
constexpr char kMorePieces = 1, kLastPiece = 0;

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

void put_strings(std::string& out, const std::vector<std::string>& values) {
    put_u32(out, static_cast<uint32_t>(values.size()));
    for (const std::string& value : values) put_string(out, value);
}

template <typename Good>
std::vector<std::string> take_strings(SshReader& reader, size_t max, size_t max_bytes, Good is_good,
                                      bool& good) {
    std::vector<std::string> values;
    const uint32_t count = reader.u32();
    good = good && count <= max;
    for (uint32_t i = 0; good && i < count && !reader.failed(); ++i)
        values.emplace_back(reader.string(max_bytes));
    good = good && std::ranges::all_of(values, is_good);
    return values;
}

void put_ders(std::string& out, const std::vector<Bytes>& values) {
    put_u32(out, static_cast<uint32_t>(values.size()));
    for (const Bytes& value : values) put_string(out, as_text(value));
}

std::vector<Bytes> take_ders(SshReader& reader, size_t max, size_t max_bytes, bool& good) {
    std::vector<Bytes> values;
    const uint32_t count = reader.u32();
    good = good && count <= max;
    for (uint32_t i = 0; good && i < count && !reader.failed(); ++i) {
        const auto bytes = as_bytes(reader.string(max_bytes));
        values.emplace_back(bytes.begin(), bytes.end());
    }
    return values;
}

void put_voms(std::string& out, const VomsRequest& voms) {
    put_string(out, voms.trust.vo);
    put_ders(out, voms.trust.anchors);
    put_ders(out, voms.trust.servers);
    put_ders(out, voms.crls);
    put_u64(out, static_cast<uint64_t>(voms.crl_grace.count()));
}

VomsRequest take_voms(SshReader& reader, bool& good) {
    VomsRequest voms;
    voms.trust.vo = reader.string(kVomsNameMax);
    voms.trust.anchors = take_ders(reader, kVomsAnchorsMax, kVomsCertificateMax, good);
    voms.trust.servers = take_ders(reader, kVomsServersMax, kVomsCertificateMax, good);
    voms.crls = take_ders(reader, kCrlsMax, kCrlMax, good);
    const uint64_t grace = reader.u64();
    good = good && grace <= static_cast<uint64_t>(kGraceMax.count());
    voms.crl_grace = std::chrono::seconds(good ? static_cast<int64_t>(grace) : 0);
    return voms;
}

bool fits(const VomsRequest& voms) {
    const auto within = [](const std::vector<Bytes>& values, size_t max, size_t bytes) {
        return values.size() <= max &&
               std::ranges::all_of(values, [&](const Bytes& value) { return value.size() <= bytes; });
    };
    return voms.trust.vo.size() <= kVomsNameMax &&
           within(voms.trust.anchors, kVomsAnchorsMax, kVomsCertificateMax) &&
           within(voms.trust.servers, kVomsServersMax, kVomsCertificateMax) &&
           within(voms.crls, kCrlsMax, kCrlMax) && voms.crl_grace >= std::chrono::seconds(0) &&
           voms.crl_grace <= kGraceMax;
}

void put_attributes(std::string& out, const XosAttributes& user) {
    put_string(out, user.user_id);
    put_string(out, user.login);
    put_u32(out, user.number);
    put_names(out, user.groups);
    put_names(out, user.roles);
}

void take_attributes(SshReader& reader, XosAttributes& user, bool& good) {
    user.user_id = reader.string(kUuidSize);
    user.login = reader.string(kUserNameMax);
    user.number = reader.u32();
    user.groups = take_names(reader, kGroupsPerMemberMax, good);
    user.roles = take_names(reader, kRolesPerMemberMax, good);
    good = good && is_uuid(user.user_id) && is_user_name(user.login) && user.number > 0 &&
           user.number < first_group_offset(kBlockSizeMax);
}

void put_claims(std::string& out, const GridClaims& claims) {
    put_string(out, claims.issuer);
    put_string(out, claims.subject);
    put_string(out, claims.vo);
    put_strings(out, claims.fqans);
    put_strings(out, claims.serials);
}

GridClaims take_claims(SshReader& reader, bool& good) {
    GridClaims claims;
    claims.issuer = reader.string(kDnMax);
    claims.subject = reader.string(kDnMax);
    claims.vo = reader.string(kVomsNameMax);
    claims.fqans = take_strings(
        reader, kFqansMax, kFqanMax,
        [&](const std::string& fqan) { return is_fqan(fqan) && fqan_vo(fqan) == claims.vo; }, good);
    claims.serials = take_strings(reader, kChainLengthMax, kSerialTextMax, is_certificate_serial, good);
    good = good && is_distinguished_name(claims.issuer) && is_distinguished_name(claims.subject) &&
           !claims.fqans.empty() && claims.serials.size() >= 2;
    return claims;
}

void put_credential(std::string& out, const VerifiedCredential& credential) {
    put_string(out, credential.attributes.vo);
    put_u8(out, credential.grid ? 1 : 0);
    if (credential.grid)
        put_claims(out, *credential.grid);
    else
        put_attributes(out, credential.attributes);
    put_string(out, credential.serial);
    put_string(out, credential.fingerprint);
    put_time(out, credential.not_before);
    put_time(out, credential.not_after);
    put_u8(out, static_cast<uint8_t>(credential.public_key.type));
    put_string(out, as_text(credential.public_key.bytes));
    put_string(out, credential.pem);
}

PublicKey take_key(SshReader& reader, bool& good) {
    const uint8_t type = reader.u8();
    good = good && type <= static_cast<uint8_t>(KeyType::rsa);
    const auto bytes = as_bytes(reader.string(kKeyBytesMax));
    PublicKey key{good ? static_cast<KeyType>(type) : KeyType::ed25519, Bytes(bytes.begin(), bytes.end())};
    good = good && make_pkey(key) != nullptr;
    return key;
}

bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); });
}

// good turns false where a field breaks its grammar; the reader's own failures are the caller's to ask for.
VerifiedCredential take_credential(SshReader& reader, bool& good) {
    VerifiedCredential credential;
    credential.attributes.vo = reader.string(kVoNameMax);
    const uint8_t kind = reader.u8();
    if (kind == 1)
        credential.grid = take_claims(reader, good);
    else
        take_attributes(reader, credential.attributes, good);
    credential.serial = reader.string(kSerialTextMax);
    credential.fingerprint = reader.string(kSerialTextMax);
    credential.not_before = take_time(reader, good);
    credential.not_after = take_time(reader, good);
    credential.public_key = take_key(reader, good);
    credential.pem = reader.string(kCredentialMax);
    good = good && kind <= 1 && is_vo_name(credential.attributes.vo) &&
           is_certificate_serial(credential.serial) && is_key_fingerprint(credential.fingerprint) &&
           credential.not_before < credential.not_after && is_printable(credential.pem) &&
           (!credential.grid || credential.grid->serials.front() == credential.serial);
    return credential;
}

}  // namespace

Outcome<std::string> encode_request(uint64_t id, const VerifyRequest& request) {
    if (request.ssh_key.size() > kKeyTextMax)
        return failure(Errc::invalid, "the SSH certificate has {} characters, at most {} are read",
                       request.ssh_key.size(), kKeyTextMax);
    if (request.ca_certificate.size() > kCaMax || request.vo.size() > kVoNameMax)
        return failure(Errc::invalid, "the CA certificate or the name of the VO is too large");
    if (request.voms && !fits(*request.voms))
        return failure(Errc::invalid, "what VO {} trusts for VOMS is too large", request.vo);
    std::string packet;
    put_u64(packet, id);
    put_string(packet, request.ssh_key);
    put_string(packet, as_text(request.ca_certificate));
    put_string(packet, request.vo);
    put_time(packet, request.now);
    put_u8(packet, request.voms ? 1 : 0);
    if (request.voms) put_voms(packet, *request.voms);
    return packet;
}

Outcome<NumberedRequest> decode_request(std::string_view request) {
    SshReader reader(request);
    bool good = true;
    NumberedRequest numbered;
    numbered.id = reader.u64();
    numbered.request.ssh_key = reader.string(kKeyTextMax);
    const auto ca = as_bytes(reader.string(kCaMax));
    numbered.request.ca_certificate.assign(ca.begin(), ca.end());
    numbered.request.vo = reader.string(kVoNameMax);
    numbered.request.now = take_time(reader, good);
    const uint8_t voms = reader.u8();
    good = good && voms <= 1;
    if (good && voms == 1) numbered.request.voms = take_voms(reader, good);
    if (!reader.complete() || !good) return failure(Errc::invalid, "malformed request");
    return numbered;
}

std::string_view next_piece(std::string_view rest) {
    return rest.substr(0, kVerifierPieceMax - 1);
}

std::string encode_piece(std::string_view part, bool last) {
    return std::string(1, last ? kLastPiece : kMorePieces).append(part);
}

Outcome<bool> take_piece(std::string_view piece, std::string& request) {
    if (piece.empty() || piece.size() > kVerifierPieceMax ||
        (piece[0] != kMorePieces && piece[0] != kLastPiece) ||
        request.size() + piece.size() - 1 > kVerifierRequestMax)
        return failure(Errc::invalid, "malformed piece of a request");
    request.append(piece.substr(1));
    return piece[0] == kLastPiece;
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

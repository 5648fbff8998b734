#include "cda/enrolment.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "common/credential/openssl_failure.h"
#include "common/credential/request.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

std::array<uint8_t, 32> hash_secret(std::string_view secret) {
    std::array<uint8_t, 32> hash;
    SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), hash.data());
    return hash;
}

Outcome<std::string> make_secret_text() {
    std::array<uint8_t, 16> bytes;
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        return openssl_failure(Errc::system, "there are no random bytes");
    return encode_base64url(bytes);
}

std::unexpected<Failure> refuse_code(bool* wrong_code) {
    *wrong_code = true;
    return failure(Errc::denied,
                   "the code is wrong, was used or has ended: ask the manager of the VO for another one");
}

bool opens(const Kept<Invitation>& invitation, const Kept<Member>& member, std::string_view secret,
           std::chrono::sys_seconds now) {
    const auto hash = hash_secret(secret);
    const bool same = CRYPTO_memcmp(hash.data(), invitation.value.secret_hash.data(), hash.size()) == 0;
    return same && invitation.revision != 0 && member.revision != 0 && now < invitation.value.not_after &&
           invitation.value.member_id == member.value.id;
}

}  // namespace

std::string format_code(std::string_view login, std::string_view secret, std::string_view pin) {
    std::string text = std::string(pin.substr(std::string_view("SHA256:").size()));
    for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
    return compose("{}:{}:{}", login, secret, text);
}

Outcome<MemberInVo> Enrolment::read_active(std::string_view login, std::chrono::sys_seconds now) {
    const auto name = parse_login_name(login);
    if (!name)
        return failure(Errc::invalid, "\"{}\" is no login name: expected one such as user1@physics", login);
    auto identity = vos_.read_vo(name->vo);
    if (!identity && identity.error().code == Errc::not_found)
        return failure(Errc::not_found, "there is no VO {} at this authority", name->vo);
    if (!identity) return std::unexpected(identity.error());
    const VoRecord& vo = identity->record;
    if (vo.dissolved) return failure(Errc::denied, "the VO {} was dissolved", vo.name);
    if (now >= vo.not_after)
        return failure(Errc::denied, "the VO {} ended at {}", vo.name, format_time(vo.not_after));
    const auto member = vos_.read_member(vo, name->user);
    if (!member) return std::unexpected(member.error());
    if (member->revision == 0)
        return failure(Errc::denied, "{} is no member of the VO {} (any more)", name->user, vo.name);
    if (member->value.suspended)
        return failure(Errc::denied, "{} is suspended: ask the manager of the VO", login);
    return MemberInVo{std::move(*identity), member->value};
}

Outcome<std::string> Enrolment::invite(std::string_view login, std::chrono::seconds lifetime,
                                       std::chrono::sys_seconds now) {
    if (lifetime < std::chrono::minutes(1) || lifetime > kInvitationLifetimeMax)
        return failure(Errc::invalid, "an invitation lasts 1 minute to {} days",
                       kInvitationLifetimeMax.count());
    const auto found = read_active(login, now);
    if (!found) return std::unexpected(found.error());
    const std::string& vo = found->identity.record.name;
    auto secret = make_secret_text();
    if (!secret) return secret;
    auto invitation = records_.read_invitation(vo, found->member.name);
    if (!invitation) return std::unexpected(invitation.error());
    invitation->value = {hash_secret(*secret), found->member.id, now + lifetime};
    if (auto kept = records_.put_invitation(vo, found->member.name, *invitation); !kept)
        return std::unexpected(kept.error());
    return secret;
}

Outcome<MemberInVo> Enrolment::enrol(std::string_view login, std::string_view secret,
                                     std::string_view request_pem, std::chrono::sys_seconds now,
                                     bool* wrong_code) {
    *wrong_code = false;
    const auto name = parse_login_name(login);
    if (!name) return failure(Errc::invalid, "this is no login name: expected one such as user1@physics");
    auto identity = vos_.read_vo(name->vo);
    if (!identity)
        return identity.error().code == Errc::not_found ? refuse_code(wrong_code)
                                                        : std::unexpected(identity.error());
    const auto member = vos_.read_member(identity->record, name->user);
    if (!member) return std::unexpected(member.error());
    const auto invitation = records_.read_invitation(name->vo, name->user);
    if (!invitation) return std::unexpected(invitation.error());
    if (!opens(*invitation, *member, secret, now)) return refuse_code(wrong_code);
    // the code was right: from here on reasons may be told
    auto active = read_active(login, now);
    if (!active) return active;
    const auto key = read_request_key(request_pem, name->user);
    if (!key) return std::unexpected(key.error());
    auto enrolled = records_.read_key(name->vo, name->user);
    if (!enrolled) return std::unexpected(enrolled.error());
    enrolled->value = {*key, active->member.id, now};
    const auto done = records_.enrol(name->vo, name->user, *invitation, *enrolled);
    if (!done && done.error().code == Errc::conflict) return refuse_code(wrong_code);
    if (!done) return std::unexpected(done.error());
    return active;
}

Outcome<Ed25519Public> Enrolment::key_of(std::string_view login, std::chrono::sys_seconds now) {
    const auto found = read_active(login, now);
    if (!found) return std::unexpected(found.error());
    const auto key = records_.read_key(found->identity.record.name, found->member.name);
    if (!key) return std::unexpected(key.error());
    if (key->revision == 0 || key->value.member_id != found->member.id)
        return failure(Errc::denied,
                       "{} is not enrolled: ask the manager of the VO for a code, then: xos enroll", login);
    return key->value.key;
}

}  // namespace xos

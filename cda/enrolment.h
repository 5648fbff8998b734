// How a member comes to a key that the authority knows: invited with a one-time code, enrolled with a
// request.
//
// Owns: the code's form, its life, what it is exchanged for, and which key speaks for a member. Process:
// xos-cda. Trusts: the manager who invites; nothing that comes with a code. Time is handed in.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "cda/enrolment_records.h"
#include "cda/vo_registry.h"
#include "common/failure.h"

namespace xos {

inline constexpr std::chrono::days kInvitationLifetimeMax{90};

// user1@physics:SECRET:PIN, where SECRET is 22 and PIN 43 characters of base64url: the TLS key's SHA-256, so
// that the first contact knows whom it talks to.
std::string format_code(std::string_view login, std::string_view secret, std::string_view pin);

struct MemberInVo {
    VoIdentity identity;
    Member member;
};

class Enrolment {
  public:
    explicit Enrolment(Registry& registry) : vos_(registry), records_(registry) {}

    // A fresh secret for the member; one that was given before is void. Errc::denied: the member is
    // suspended.
    Outcome<std::string> invite(std::string_view login, std::chrono::seconds lifetime,
                                std::chrono::sys_seconds now);
    // Exchanges the secret for the key in the PKCS#10 request. Whatever is wrong with the code, and whether
    // there is such a member at all, the answer is one Errc::denied; *wrong_code says that it was this.
    Outcome<MemberInVo> enrol(std::string_view login, std::string_view secret, std::string_view request_pem,
                              std::chrono::sys_seconds now, bool* wrong_code);
    // The key that speaks for an active member of a living VO; denied with a reason for the member otherwise.
    Outcome<Ed25519Public> key_of(std::string_view login, std::chrono::sys_seconds now);
    // The member and its VO, as they may act now: not suspended, the VO not ended. Messages are for the
    // member.
    Outcome<MemberInVo> read_active(std::string_view login, std::chrono::sys_seconds now);

  private:
    VoRegistry vos_;
    EnrolmentRecords records_;
};

}  // namespace xos

// Invitations and enrolled keys as they lie in the Registry.
//
//     vo/NAME/invitation/USER   SHA-256 of the code's secret, for which member, until when
//     vo/NAME/enrolled/USER     the member's key, for which member, since when
//
// Both name the member by id: a name that is removed and added again is another person, to whom they do not
// belong. Process: xos-cda. Trusts: the registry's file for secrecy, not for form.
#pragma once

#include <array>
#include <chrono>
#include <string>
#include <string_view>

#include "cda/vo_registry.h"
#include "common/registry/registry.h"

namespace xos {

struct Invitation {
    std::array<uint8_t, 32> secret_hash{};
    std::string member_id;
    std::chrono::sys_seconds not_after;
};

struct EnrolledKey {
    Ed25519Public key{};
    std::string member_id;
    std::chrono::sys_seconds since;
};

class EnrolmentRecords {
  public:
    explicit EnrolmentRecords(Registry& registry) : registry_(registry) {}

    // revision 0: there is none.
    Outcome<Kept<Invitation>> read_invitation(std::string_view vo, std::string_view user);
    Outcome<Kept<EnrolledKey>> read_key(std::string_view vo, std::string_view user);
    // In place of an earlier one. Errc::conflict: somebody else was faster.
    Outcome<void> put_invitation(std::string_view vo, std::string_view user,
                                 const Kept<Invitation>& invitation);
    // Uses the invitation up and keeps the key, both or neither.
    Outcome<void> enrol(std::string_view vo, std::string_view user, const Kept<Invitation>& invitation,
                        const Kept<EnrolledKey>& key);

  private:
    Registry& registry_;
};

}  // namespace xos

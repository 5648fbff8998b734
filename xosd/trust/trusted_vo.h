// A VO that this node follows, as the daemon holds it in memory.
//
// Owns: the opened bundle and what is derived from it. Process: xosd. Trusts: the bundle, verified by
// open_bundle() and apply_delta(). Nothing of it changes once it is in the TrustStore, but grace and
// source_digest: a newer bundle is a new object, which a thread makes while the old one answers.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "common/policy/policy.h"
#include "common/vo/records.h"

namespace xos {

struct TrustedVo {
    std::string fingerprint;               // of the VO key that the owner pinned
    Bundle bundle;                         // its members are sorted by name, its revoked serials too
    Policy policy;                         // of the VO, compiled from the bundle
    uint32_t base = 0;                     // of the VO's uid block on this node
    std::chrono::seconds grace{0};         // for how long after its end the node's owner bears the bundle
    std::string source_digest = {};        // of the bytes it was opened from; empty where deltas came since
    std::vector<uint32_t> by_number = {};  // indexes of bundle.members

    const Member* find_member(std::string_view user) const {
        const auto found = std::ranges::lower_bound(bundle.members, user, {}, &Member::name);
        return found == bundle.members.end() || found->name != user ? nullptr : &*found;
    }
    const Member* find_number(uint32_t number) const {
        const auto of = [this](uint32_t index) { return bundle.members[index].number; };
        const auto found = std::ranges::lower_bound(by_number, number, {}, of);
        return found == by_number.end() || of(*found) != number ? nullptr : &bundle.members[*found];
    }
    bool is_revoked(std::string_view serial) const {
        return std::ranges::binary_search(bundle.revoked_serials, serial);
    }
    uint32_t uid_of(const Member& member) const { return base + member.number; }
};

inline std::string login_name(const Member& member, const TrustedVo& vo) {
    return member.name + "@" + vo.bundle.vo.name;
}

}  // namespace xos

// A VO that this node follows, as the daemon holds it in memory.
//
// Owns: the opened bundle and what is derived from it. Process: xosd. Trusts: the bundle, verified by
// open_bundle().
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/policy/policy.h"
#include "common/vo/records.h"

namespace xos {

struct TrustedVo {
    std::string fingerprint;  // of the VO key that the owner pinned
    Bundle bundle;
    Policy policy;      // of the VO, compiled from the bundle
    uint32_t base = 0;  // of the VO's uid block on this node

    const Member* find_member(std::string_view user) const {
        const auto found = members.find(user);
        return found == members.end() ? nullptr : found->second;
    }
    uint32_t uid_of(const Member& member) const { return base + member.number; }

    std::map<std::string_view, const Member*> members;  // by name, into bundle.members
};

inline std::string login_name(const Member& member, const TrustedVo& vo) {
    return member.name + "@" + vo.bundle.vo.name;
}

}  // namespace xos

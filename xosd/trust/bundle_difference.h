// What a newer bundle of a VO changes for accounts and the uid ledger. Pure.
//
// Owns: the comparison. Process: xosd, in a thread for large VOs. Trusts: both bundles, opened and sorted.
#pragma once

#include <cstdint>
#include <vector>

#include "xosd/trust/trusted_vo.h"

namespace xos {

struct BundleDifference {
    // Indexes of members that the older one has not, or under another name, number or id.
    std::vector<uint32_t> fresh = {};
    // Indexes of members whose account is new or other, and numbers of those that are gone.
    std::vector<uint32_t> members = {}, members_gone = {};
    // The same of groups.
    std::vector<uint32_t> groups = {}, groups_gone = {};
    // A group's name has become another group's: members who are not in the lists are in another group now.
    bool regrouped = false;

    [[nodiscard]] bool changes_accounts() const {
        return regrouped || !members.empty() || !members_gone.empty() || !groups.empty() ||
               !groups_gone.empty();
    }
};

// base may be null.
[[nodiscard]] BundleDifference compare_bundles(const TrustedVo* base, const TrustedVo& next);

}  // namespace xos

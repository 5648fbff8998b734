// Has the kernel room for the keys of many sessions?
//
// Process: the xos command. Trusts: nothing in the text. The format and the limits: keyrings(7).
#pragma once

#include <cstdint>
#include <string_view>

#include "cli/finding.h"

namespace xos {

// Of /proc/sys/kernel/keys; 0 is unknown.
struct KeyLimits {
    uint64_t keys = 0, bytes = 0, root_keys = 0, root_bytes = 0;
};

// key_users is the text of /proc/key-users. A session of a member needs a keyring of his and a key of root's.
void check_key_quotas(const KeyLimits& limits, std::string_view key_users, Findings& findings);

}  // namespace xos

// The credentials in use, as xos whoami and xos credential show tell them. Process: the xos command. Trusts:
// nothing.
#pragma once

#include <cstdint>

#include "common/failure.h"

namespace xos {

enum class CredentialForm : uint8_t { text, json, pem };

// Prints those of this session and this node, or else of the ssh agent; kExitFailure where there is none.
Outcome<int> show_held_credentials(CredentialForm form);

}  // namespace xos

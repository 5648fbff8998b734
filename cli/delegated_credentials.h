// The credential that the caller delegated to this node, as xosd tells it.
//
// Process: the xos command in a session on a node. Trusts: xosd.
#pragma once

#include <string>
#include <vector>

#include "cli/credential_view.h"
#include "common/failure.h"

namespace xos {

// Those that hold: the caller's own, all for root. Empty where this machine is no node.
Outcome<std::vector<CredentialView>> list_delegated();

}  // namespace xos

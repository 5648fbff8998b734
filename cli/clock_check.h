// Is the machine's clock right enough for certificates and bundles?
//
// Process: the xos command. Trusts: the daemon's word about the bundles.
#pragma once

#include <chrono>
#include <vector>

#include "cli/finding.h"
#include "cli/trusted_view.h"

namespace xos {

// synchronised: what adjtimex(2) says of the clock.
void check_clock(bool synchronised, std::chrono::sys_seconds now, const std::vector<TrustedView>& vos,
                 Findings& findings);

}  // namespace xos

// The service manager's store of descriptors: what it keeps while no xosd runs (sd_pid_notify_with_fds(3)).
//
// Owns: the names under which the connector's descriptors lie there. Process: xosd, started by systemd with
// FileDescriptorStoreMax=; elsewhere nothing is kept and nothing comes back. Trusts: the service manager.
#pragma once

#include <span>
#include <vector>

#include "libxos/unique_fd.h"

namespace xos {

// Those that an earlier xosd has stored, in their order, close-on-exec; once. Empty where one is missing.
std::vector<UniqueFd> take_stored_descriptors();
// anew: what is stored is of no use any more and goes first. An empty span only removes.
void store_descriptors(std::span<const int> fds, bool anew);

}  // namespace xos

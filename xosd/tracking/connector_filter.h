// The eBPF socket filter of the proc connector: which cgroups' events reach the agent.
//
// Owns: loading it, its maps, and the entries of bindings. Process: xosd, as root in the initial namespaces.
// Trusts: descriptors only if the kernel says that they are maps of the expected name and shape.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "common/failure.h"
#include "libxos/unique_fd.h"

namespace xos {

struct FilterMaps {
    UniqueFd cpus, slots, origins, bindings, config;
};

class ConnectorFilter {
  public:
    // Errc::unavailable where this machine or our rights do not allow BPF.
    static Outcome<ConnectorFilter> load();
    // Takes over maps that an agent has handed back; asks the kernel for writable descriptors of the same maps.
    static Outcome<ConnectorFilter> adopt(FilterMaps maps);

    // The program has no other owner than the sockets it is attached to.
    Outcome<void> attach(int socket) const;
    Outcome<void> set_agent(pid_t tgid);
    // From the moment of return events of the cgroup and all below it pass, counted in slot from zero.
    Outcome<void> bind(uint64_t cgroup_id, uint32_t slot, uint32_t serial);
    Outcome<void> unbind(uint64_t cgroup_id);
    // Read-only descriptors of the maps, for the agent.
    Outcome<FilterMaps> readable_maps() const;
    uint64_t passed(uint32_t slot) const;

  private:
    UniqueFd program_;
    FilterMaps maps_;
};

}  // namespace xos

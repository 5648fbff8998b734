// The eBPF socket filter of the proc connector: which cgroups' events reach the agent.
//
// Owns: loading it, its maps, and the entries of bindings. Process: xosd, as root in the initial namespaces.
// Trusts: descriptors only if the kernel says that they are maps of the expected name and shape.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>

#include "common/failure.h"
#include "common/tracking/filter_layout.h"
#include "libxos/unique_fd.h"

namespace xos {

struct FilterMaps {
    UniqueFd cpus, slots, origins, bindings, config;
};

class ConnectorFilter {
  public:
    // Errc::unavailable where this machine or our rights do not allow BPF.
    static Outcome<ConnectorFilter> load();
    // For maps that an agent has handed back: asks the kernel for writable descriptors of the same maps.
    static Outcome<ConnectorFilter> adopt(const FilterMaps& maps);

    // The program has no other owner than the sockets it is attached to.
    Outcome<void> attach(int socket) const;
    Outcome<void> set_agent(pid_t tgid);
    // The highest serial that bind() was ever given for these maps, also by an earlier xosd.
    uint32_t last_serial() const;
    // From the moment of return events of the cgroup and all below it pass, counted in slot from zero.
    Outcome<void> bind(uint64_t cgroup_id, uint32_t slot, uint32_t serial);
    Outcome<void> unbind(uint64_t cgroup_id);
    // What the cgroup is bound to in the kernel; empty where it is not.
    std::optional<xos_binding> find(uint64_t cgroup_id) const;
    // After an adoption: makes exactly wanted bound, as far as an earlier xosd died halfway.
    struct Entry {
        uint64_t cgroup_id;
        uint32_t slot, serial;
    };
    Outcome<void> reconcile(std::span<const Entry> wanted);
    // Descriptors of the maps for the agent: of bindings, origins and config it cannot change anything.
    Outcome<FilterMaps> agent_maps() const;
    uint64_t passed(uint32_t slot) const;

  private:
    Outcome<void> write_config(const xos_filter_config& config);
    xos_filter_config read_config() const;
    Outcome<void> clear_slot(uint32_t slot);
    UniqueFd program_;
    FilterMaps maps_;
    uint32_t cpus_ = 0;  // possible ones: each has a counter of each slot
};

}  // namespace xos

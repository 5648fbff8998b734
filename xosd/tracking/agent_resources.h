// The kernel objects that a connector agent works with, which outlive any one agent and any one xosd.
//
// Owns: the netlink socket, the listening socket, the agent's shared state, the filter. Process: xosd, as
// root. Trusts: descriptors from an agent only as far as the kernel confirms what they are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/failure.h"
#include "common/tracking/agent_protocol.h"
#include "libxos/unique_fd.h"
#include "xosd/tracking/connector_filter.h"
#include "xosd/tracking/proc_connector_socket.h"

namespace xos {

struct AgentResources {
    UniqueFd netlink, listener, state;
    std::optional<ConnectorFilter> filter;  // empty: BPF is not available here
    FilterMaps shared;                      // for the agent; empty without filter
    SpareListeners spares;

    // In the order of AgentFd.
    std::vector<int> descriptors() const;
};

// Opens everything anew. Where BPF is not available that is logged, and the agent gets every event of the
// machine.
Outcome<AgentResources> open_agent_resources(const std::string& socket_path, int receive_buffer,
                                             bool use_filter);
// Takes back what Welcome carried, or what somebody kept while neither agent nor xosd were there.
Outcome<AgentResources> adopt_agent_resources(std::vector<UniqueFd> fds, bool filtered);

}  // namespace xos

// One agent message in or out of a SOCK_SEQPACKET socket, with descriptors.
//
// Owns: the system calls below agent_protocol.h. Process: xosd and the agent. Trusts: nothing that it reads.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "common/tracking/agent_protocol.h"
#include "libxos/result.h"
#include "libxos/unique_fd.h"

namespace xos {

struct ReceivedMessage {
    AgentMessage message;
    std::vector<UniqueFd> fds;  // close-on-exec, at most kAgentFdsMax
    UniqueFd sender;            // pidfd by the kernel, where SO_PASSPIDFD is set
};

// Never blocks and never raises SIGPIPE. Errc::timeout: the peer does not keep up, nothing was sent.
// Errc::unavailable: the peer is gone.
Result<void> send_agent_message(int socket, const AgentMessage& message, std::span<const int> fds = {});
// Never blocks. Empty: nothing there now. Errc::unavailable: the peer is gone. Errc::invalid: not a message.
Result<std::optional<ReceivedMessage>> receive_agent_message(int socket);

}  // namespace xos

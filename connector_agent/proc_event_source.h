// Where process events come from: the socket, the filter's counters, and a batch that outlives the agent.
//
// Owns: the agent's inherited descriptors and the mapped counters. Process: the agent; xosd holds the same
// descriptors, so that a successor reads on where this one was killed. Trusts: messages only if the kernel
// sent them; maps are read-only here.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/failure.h"
#include "common/tracking/agent_protocol.h"
#include "common/tracking/filter_layout.h"
#include "connector_agent/agent_state.h"
#include "connector_agent/event_rate.h"
#include "connector_agent/mapped_counters.h"
#include "connector_agent/proc_event.h"
#include "libxos/unique_fd.h"

namespace xos {

class ProcEventSource {
  public:
    // Takes over the fixed descriptors of AgentFd from netlink on. filtered: those of the maps exist.
    static Outcome<ProcEventSource> inherit(bool filtered);

    bool filtered() const { return filtered_; }
    int socket() const { return fds_[0].get(); }
    // All descriptors in the order of AgentFd, for a xosd that adopts this agent.
    std::vector<int> descriptors() const;
    AgentState& state() { return state_; }
    const AgentState& state() const { return state_; }

    // What a killed predecessor had taken and not dealt with.
    std::span<const EventMessage> recover() { return state_.recover(); }
    // The socket is readable. Where events come fast, waits a millisecond for more of them: one wake-up for
    // many saves most of what it costs to be told.
    void rest() const;
    // Takes what the socket holds, at most one batch. Empty: it holds nothing. Only after the last batch was
    // committed.
    Outcome<std::span<const EventMessage>> receive();
    // Errc::denied: not from the kernel.
    static Result<ProcEvent> parse(const EventMessage& message);

    // Messages that the filter let through for slot.
    uint64_t passed(uint32_t slot) const;
    // Messages lost before they reached any socket, by sequence number.
    uint64_t gap() const;
    // True once after messages did not fit into the socket's buffer.
    bool take_overflow();
    // What the filter saw of the process when it last acted; empty where it remembers nothing.
    std::optional<xos_origin> origin(int32_t tgid) const;

  private:
    ProcEventSource(AgentState state, bool filtered);
    Outcome<void> map_counters();
    int fd(AgentFd which) const;
    void count_sequences(std::span<const EventMessage> messages);

    std::array<UniqueFd, static_cast<int>(AgentFd::end) - static_cast<int>(AgentFd::netlink)> fds_;
    AgentState state_;
    struct Heads {  // what recvmmsg(2) wants, made once
        std::array<iovec, kBatchMax> parts;
        std::array<mmsghdr, kBatchMax> messages;
    };
    std::unique_ptr<Heads> heads_;
    uint32_t cpus_ = 0;
    MappedCounters<xos_cpu_counters> cpu_counters_;
    MappedCounters<xos_slot_counters> slot_counters_;
    EventRate rate_;
    bool filtered_ = false;
    bool overflow_ = false;
    std::map<uint32_t, uint32_t> last_sequence_;  // per CPU, where no filter counts
    uint64_t own_gap_ = 0;
};

}  // namespace xos

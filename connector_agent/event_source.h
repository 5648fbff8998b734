// Where process events come from: the socket, the filter's counters, and a batch that outlives the agent.
//
// Owns: the agent's inherited descriptors and the mapped state. Process: the agent; xosd holds the same
// descriptors, so that a successor reads on where this one was killed: messages taken from the socket lie in
// the shared state until they are committed. Trusts: messages only if the kernel sent them; maps are
// read-only here.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "common/failure.h"
#include "common/tracking/agent_protocol.h"
#include "common/tracking/filter_layout.h"
#include "connector_agent/proc_event.h"
#include "libxos/unique_fd.h"

namespace xos {

struct AgentState;  // the shared memory

class EventSource {
  public:
    // Takes over the fixed descriptors of AgentFd from netlink on. filtered: those of the maps exist.
    static Outcome<EventSource> inherit(bool filtered);
    EventSource(EventSource&&) noexcept;
    EventSource& operator=(EventSource&&) = delete;
    ~EventSource();

    bool filtered() const { return filtered_; }
    int socket() const { return fds_[0].get(); }
    // All descriptors in the order of AgentFd, for a xosd that adopts this agent.
    std::vector<int> descriptors() const;

    struct Range {
        size_t begin, end;
    };
    // Of the current batch, what a killed predecessor had taken but not committed.
    Range recover();
    // Takes what the socket holds, at most one batch. 0: it is empty.
    Outcome<size_t> receive();
    // Of the current batch. Errc::denied: not from the kernel.
    Result<ProcEvent> event(size_t index) const;
    // The message is dealt with. slot's counters become counters; a successor never meets the message again.
    void commit(size_t index, uint32_t slot, const TrackingCounters& counters);
    // The message is dealt with and concerns nobody.
    void discard(size_t index);
    // Stores counters that changed without a message.
    void publish(uint32_t slot, const TrackingCounters& counters);
    TrackingCounters counters(uint32_t slot) const;

    // Messages that the filter let through for slot.
    uint64_t passed(uint32_t slot) const;
    // Messages lost before they reached any socket, by sequence number.
    uint64_t gap() const;
    // True once after messages did not fit into the socket's buffer.
    bool take_overflow();
    // The serial of the binding in which the filter saw the process last, 0 = unknown.
    uint32_t origin(int32_t tgid) const;

  private:
    EventSource();
    Outcome<void> map_state();
    int fd(AgentFd which) const;
    void count_sequences(size_t count);
    struct Unmap {
        void operator()(AgentState* state) const;
    };
    std::array<UniqueFd, static_cast<int>(AgentFd::end) - static_cast<int>(AgentFd::netlink)> fds_;
    std::unique_ptr<AgentState, Unmap> state_;
    uint32_t cpus_ = 0;
    bool filtered_ = false;
    bool overflow_ = false;
    std::map<uint32_t, uint32_t> last_sequence_;  // per CPU, where no filter counts
    uint64_t own_gap_ = 0;
};

}  // namespace xos

// The memory that outlives an agent: the batch of messages that it is dealing with, and what it knows of each
// binding as of the last batch that it has dealt with.
//
// Owns: the mapping and its layout. Process: the agent; xosd holds the memory's descriptor. Trusts: what an
// earlier agent of the same layout wrote, as far as no index leads outside.
//
// Write-ahead: a commit is one store. Before it, the batch counts as not dealt with and a successor does it
// anew; after it, the successor finishes what the store had begun. Nothing is done twice, nothing is skipped.
#pragma once

#include <linux/netlink.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "common/failure.h"
#include "common/tracking/filter_layout.h"
#include "common/tracking/process_info.h"

namespace xos {

inline constexpr size_t kBatchMax = 256;
inline constexpr size_t kEventMessageMax = 128;  // a process event has 76 bytes (linux/cn_proc.h)

struct alignas(8) EventMessage {
    std::array<std::byte, kEventMessageMax> bytes;
    sockaddr_nl sender;
};

// What is known of the binding in a slot.
struct SlotState {
    TrackingCounters counters;
    uint64_t journal_bytes = 0;  // of its journal, all of them of committed batches
    int32_t main_pid = 0;
    int32_t main_status = 0;
    bool main_ended = false;
    bool main_known = false;  // main_status is
};

struct SlotChange {
    uint32_t slot = 0;
    SlotState state;
};

class AgentState {
  public:
    // fd: kAgentStateSize bytes, shared. Errc::conflict: of another layout.
    static Outcome<AgentState> map(int fd);

    // Finishes the commit that a killed predecessor had begun. The batch's messages that it had taken and not
    // dealt with.
    std::span<EventMessage> recover();
    // For receiving into: marks all as not there. Only after the last batch was committed.
    std::span<EventMessage> clear();
    // The first count messages of the batch are dealt with, and changes is what came of it; each slot once.
    void commit(size_t count, std::span<const SlotChange> changes);

    const SlotState& slot(uint32_t slot) const;
    // Outside of a batch.
    void put(const SlotChange& change);
    // Pages that were ever touched.
    uint64_t resident_bytes() const;

  private:
    struct Layout;
    struct Unmap {
        void operator()(Layout* layout) const;
    };
    explicit AgentState(int fd, Layout* layout) : fd_(fd), layout_(layout) {}
    int fd_;
    std::unique_ptr<Layout, Unmap> layout_;
    size_t used_ = kBatchMax;  // messages of the batch that may be there
};

}  // namespace xos

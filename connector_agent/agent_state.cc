#include "connector_agent/agent_state.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <atomic>
#include <cstring>
#include <type_traits>

#include "common/tracking/agent_protocol.h"

namespace xos {

struct AgentState::Layout {
    uint64_t magic;
    volatile uint32_t done;     // messages of the batch that are dealt with
    volatile uint32_t pending;  // changes that go with done
    std::array<SlotChange, kBatchMax> changes;
    std::array<EventMessage, kBatchMax> batch;
    std::array<SlotState, XOS_BINDINGS_MAX> slots;  // last: its pages are touched when a slot is first used
};

namespace {

static_assert(std::is_trivially_copyable_v<SlotChange>);
constexpr uint64_t kPageSize = 4096;
constexpr uint64_t kBlockSize = 512;  // of st_blocks, stat(2)

// The compiler must not move a store across: after SIGKILL the successor sees the stores in program order.
void order() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

bool is_there(const EventMessage& message) {
    uint32_t length = 0;
    std::memcpy(&length, message.bytes.data(), sizeof length);
    return length != 0;
}

}  // namespace

void AgentState::Unmap::operator()(Layout* layout) const {
    munmap(layout, kAgentStateSize);
}

Outcome<AgentState> AgentState::map(int fd) {
    static_assert(sizeof(Layout) <= kAgentStateSize && std::is_trivially_copyable_v<Layout>);
    void* memory = mmap(nullptr, kAgentStateSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) return failure_errno(errno, "cannot map the agent's state");
    AgentState state(fd, static_cast<Layout*>(memory));
    Layout& layout = *state.layout_;
    if (layout.magic == 0) layout.magic = kAgentStateMagic;
    if (layout.magic != kAgentStateMagic)
        return failure(Errc::conflict, "the agent's state is of another version; end the old agent first");
    // there before the kernel writes into it: a fault at that moment could lose what it has taken off its
    // queue
    const size_t front = (offsetof(Layout, slots) + kPageSize - 1) / kPageSize * kPageSize;
    if (mlock(memory, front) != 0) return failure_errno(errno, "cannot lock the agent's batch in memory");
    return state;
}

std::span<EventMessage> AgentState::recover() {
    Layout& layout = *layout_;
    const uint32_t done = layout.done, pending = layout.pending;
    if (done > 0 && done <= kBatchMax && pending <= kBatchMax)
        for (uint32_t i = 0; i < pending; ++i)
            if (layout.changes[i].slot < XOS_BINDINGS_MAX)
                layout.slots[layout.changes[i].slot] = layout.changes[i].state;
    order();
    layout.pending = 0;
    const size_t begin = std::min<size_t>(done, kBatchMax);
    size_t end = begin;
    while (end < kBatchMax && is_there(layout.batch[end])) ++end;
    return std::span(layout.batch).subspan(begin, end - begin);
}

std::span<EventMessage> AgentState::clear() {
    for (size_t i = 0; i < used_; ++i) std::memset(layout_->batch[i].bytes.data(), 0, sizeof(nlmsghdr));
    used_ = kBatchMax;
    order();
    layout_->done = 0;
    order();
    return layout_->batch;
}

void AgentState::commit(size_t count, std::span<const SlotChange> changes) {
    Layout& layout = *layout_;
    for (size_t i = 0; i < changes.size(); ++i) layout.changes.at(i) = changes[i];
    order();
    layout.pending = static_cast<uint32_t>(changes.size());
    order();
    layout.done = static_cast<uint32_t>(count);
    order();
    for (const SlotChange& change : changes) layout.slots.at(change.slot) = change.state;
    order();
    layout.pending = 0;
    used_ = count;
}

const SlotState& AgentState::slot(uint32_t slot) const {
    return layout_->slots.at(slot);
}

void AgentState::put(const SlotChange& change) {
    layout_->slots.at(change.slot) = change.state;
}

uint64_t AgentState::resident_bytes() const {
    struct stat st{};
    return fstat(fd_, &st) == 0 ? static_cast<uint64_t>(st.st_blocks) * kBlockSize : 0;
}

}  // namespace xos

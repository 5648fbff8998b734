#include "connector_agent/event_source.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <type_traits>

namespace xos {

namespace {

constexpr size_t kBatch = 256;
constexpr size_t kMessageMax = 128;  // a process event has 76 bytes
constexpr uint64_t kStateMagic = 0x31746e656761'01ULL;

struct alignas(8) RawMessage {
    std::array<std::byte, kMessageMax> bytes;
    sockaddr_nl sender;
};

// The compiler must not move a store across: after SIGKILL the successor sees the stores in program order.
void order() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace

// Write-ahead: a commit is the store to done. Before it the message counts as not read, after it pending is
// applied.
struct AgentState {
    uint64_t magic;
    volatile uint32_t done;  // messages of the batch that are dealt with
    volatile uint32_t pending_index;
    volatile uint32_t pending_slot;
    TrackingCounters pending;
    std::array<TrackingCounters, XOS_BINDINGS_MAX> counters;
    std::array<RawMessage, kBatch> batch;
};
static_assert(sizeof(AgentState) <= kAgentStateSize && std::is_trivially_copyable_v<AgentState>);

namespace {

uint32_t message_length(const RawMessage& message) {
    uint32_t length = 0;
    std::memcpy(&length, message.bytes.data(), sizeof length);
    return length;
}

void clear_batch(AgentState& state) {
    for (RawMessage& message : state.batch) std::memset(message.bytes.data(), 0, sizeof(nlmsghdr));
    order();
    state.done = 0;
    order();
}

}  // namespace

void EventSource::Unmap::operator()(AgentState* state) const {
    munmap(state, kAgentStateSize);
}

EventSource::EventSource() = default;
EventSource::EventSource(EventSource&&) noexcept = default;
EventSource::~EventSource() = default;

Outcome<EventSource> EventSource::inherit(bool filtered) {
    EventSource source;
    source.filtered_ = filtered;
    constexpr int first = static_cast<int>(AgentFd::netlink);
    const int end = static_cast<int>(filtered ? AgentFd::end : AgentFd::cpus);
    for (int fd = first; fd < end; ++fd) {
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
            return failure_errno(errno, "descriptor {} was not inherited; only xosd starts this program", fd);
        source.fds_[static_cast<size_t>(fd - first)].reset(fd);
    }
    if (auto mapped = source.map_state(); !mapped) return std::unexpected(mapped.error());
    if (!filtered) return source;
    const int cpus = libbpf_num_possible_cpus();
    if (cpus <= 0) return failure_errno(-cpus, "cannot count the CPUs of this machine");
    source.cpus_ = static_cast<uint32_t>(cpus);
    return source;
}

int EventSource::fd(AgentFd which) const {
    return fds_[static_cast<size_t>(which) - static_cast<size_t>(AgentFd::netlink)].get();
}

Outcome<void> EventSource::map_state() {
    void* memory = mmap(nullptr, kAgentStateSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                        fd(AgentFd::state), 0);
    if (memory == MAP_FAILED) return failure_errno(errno, "cannot map the agent's state");
    state_.reset(static_cast<AgentState*>(memory));
    if (state_->magic == 0) state_->magic = kStateMagic;
    if (state_->magic != kStateMagic)
        return failure(Errc::conflict, "the agent's state is of another version; end the old agent first");
    return {};
}

std::vector<int> EventSource::descriptors() const {
    std::vector<int> all;
    for (const UniqueFd& held : fds_)
        if (held) all.push_back(held.get());
    return all;
}

EventSource::Range EventSource::recover() {
    AgentState& state = *state_;
    if (state.pending_index < kBatch && state.pending_slot < XOS_BINDINGS_MAX &&
        state.done == state.pending_index + 1)
        state.counters[state.pending_slot] = state.pending;
    Range range{state.done, state.done};
    while (range.end < kBatch && message_length(state.batch[range.end]) != 0) ++range.end;
    return range;
}

Outcome<size_t> EventSource::receive() {
    AgentState& state = *state_;
    clear_batch(state);
    std::array<iovec, kBatch> parts;
    std::array<mmsghdr, kBatch> heads{};
    for (size_t i = 0; i < kBatch; ++i) {
        parts[i] = {state.batch[i].bytes.data(), kMessageMax};
        heads[i].msg_hdr.msg_iov = &parts[i];
        heads[i].msg_hdr.msg_iovlen = 1;
        heads[i].msg_hdr.msg_name = &state.batch[i].sender;
        heads[i].msg_hdr.msg_namelen = sizeof state.batch[i].sender;
    }
    for (;;) {
        const int count = recvmmsg(socket(), heads.data(), kBatch, MSG_DONTWAIT, nullptr);
        if (count >= 0) {
            count_sequences(static_cast<size_t>(count));
            return static_cast<size_t>(count);
        }
        if (errno == ENOBUFS) overflow_ = true;
        if (errno == EINTR || errno == ENOBUFS) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
        return failure_errno(errno, "cannot read process events");
    }
}

Result<ProcEvent> EventSource::event(size_t index) const {
    const RawMessage& message = state_->batch.at(index);
    if (message.sender.nl_pid != 0) return fail(Errc::denied, "a process event was not sent by the kernel");
    return parse_proc_event(message.bytes);
}

void EventSource::commit(size_t index, uint32_t slot, const TrackingCounters& counters) {
    AgentState& state = *state_;
    state.pending = counters;
    state.pending_slot = slot;
    state.pending_index = static_cast<uint32_t>(index);
    order();
    state.done = static_cast<uint32_t>(index) + 1;
    order();
    state.counters.at(slot) = counters;
    order();
}

void EventSource::discard(size_t index) {
    AgentState& state = *state_;
    state.pending_index = kBatch;
    order();
    state.done = static_cast<uint32_t>(index) + 1;
    order();
}

void EventSource::publish(uint32_t slot, const TrackingCounters& counters) {
    state_->pending_index = kBatch;  // must not be applied over this
    order();
    state_->counters.at(slot) = counters;
}

TrackingCounters EventSource::counters(uint32_t slot) const {
    return state_->counters.at(slot);
}

uint64_t EventSource::passed(uint32_t slot) const {
    if (!filtered_) return state_->counters.at(slot).received;
    xos_slot_counters counters{};
    return bpf_map_lookup_elem(fd(AgentFd::slots), &slot, &counters) == 0 ? counters.passed : 0;
}

uint64_t EventSource::gap() const {
    uint64_t sum = own_gap_;
    xos_cpu_counters counters{};
    for (uint32_t cpu = 0; cpu < cpus_; ++cpu)
        if (bpf_map_lookup_elem(fd(AgentFd::cpus), &cpu, &counters) == 0) sum += counters.gap;
    return sum;
}

bool EventSource::take_overflow() {
    return std::exchange(overflow_, false);
}

uint32_t EventSource::origin(int32_t tgid) const {
    if (!filtered_) return 0;
    const auto key = static_cast<uint32_t>(tgid);
    uint32_t serial = 0;
    return bpf_map_lookup_elem(fd(AgentFd::origins), &key, &serial) == 0 ? serial : 0;
}

void EventSource::count_sequences(size_t count) {
    if (filtered_) return;
    constexpr uint32_t kAcknowledgement = 0xffffffff;  // has no CPU
    for (size_t i = 0; i < count; ++i) {
        const auto seen = event(i);
        if (!seen || seen->cpu == kAcknowledgement) continue;
        const auto [last, first] = last_sequence_.try_emplace(seen->cpu, seen->sequence);
        if (!first) own_gap_ += static_cast<uint32_t>(seen->sequence - last->second - 1);
        last->second = seen->sequence;
    }
}

}  // namespace xos

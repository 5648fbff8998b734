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

// Read-only memory that others write.
uint64_t load(const unsigned long long& value) {
    return std::atomic_ref(const_cast<unsigned long long&>(value)).load(std::memory_order_acquire);
}

// The compiler must not move a store across: after SIGKILL the successor sees the stores in program order.
void order() { std::atomic_signal_fence(std::memory_order_seq_cst); }

}  // namespace

// Write-ahead: a commit is the store to done. Before it the message counts as not read, after it pending is applied.
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

struct EventSource::Mappings {
    AgentState* state = nullptr;
    const xos_cpu_counters* cpus = nullptr;
    const xos_slot_counters* slots = nullptr;
    size_t cpu_count = 0;
    ~Mappings() {
        if (state != nullptr) munmap(state, kAgentStateSize);
        if (cpus != nullptr) munmap(const_cast<xos_cpu_counters*>(cpus), cpu_count * sizeof *cpus);
        if (slots != nullptr) munmap(const_cast<xos_slot_counters*>(slots), XOS_BINDINGS_MAX * sizeof *slots);
    }
};

EventSource::EventSource() : mappings_(std::make_unique<Mappings>()) {}
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
    if (auto mapped = source.map_all(); !mapped) return std::unexpected(mapped.error());
    return source;
}

Outcome<void> EventSource::map_all() {
    const auto fd_of = [&](AgentFd which) {
        return fds_[static_cast<size_t>(which) - static_cast<size_t>(AgentFd::netlink)].get();
    };
    void* memory =
        mmap(nullptr, kAgentStateSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_of(AgentFd::state), 0);
    if (memory == MAP_FAILED) return failure_errno(errno, "cannot map the agent's state");
    mappings_->state = static_cast<AgentState*>(memory);
    if (mappings_->state->magic == 0) mappings_->state->magic = kStateMagic;
    if (mappings_->state->magic != kStateMagic)
        return failure(Errc::conflict, "the agent's state is of another version; end the old agent first");
    if (!filtered_) return {};
    const int cpus = libbpf_num_possible_cpus();
    if (cpus <= 0) return failure_errno(-cpus, "cannot count the CPUs of this machine");
    mappings_->cpu_count = static_cast<size_t>(cpus);
    memory = mmap(nullptr, mappings_->cpu_count * sizeof(xos_cpu_counters), PROT_READ, MAP_SHARED,
                  fd_of(AgentFd::cpus), 0);
    if (memory == MAP_FAILED) return failure_errno(errno, "cannot map the filter's counters of CPUs");
    mappings_->cpus = static_cast<const xos_cpu_counters*>(memory);
    memory = mmap(nullptr, XOS_BINDINGS_MAX * sizeof(xos_slot_counters), PROT_READ, MAP_SHARED,
                  fd_of(AgentFd::slots), 0);
    if (memory == MAP_FAILED) return failure_errno(errno, "cannot map the filter's counters of bindings");
    mappings_->slots = static_cast<const xos_slot_counters*>(memory);
    return {};
}

std::vector<int> EventSource::descriptors() const {
    std::vector<int> all;
    for (const UniqueFd& fd : fds_)
        if (fd) all.push_back(fd.get());
    return all;
}

EventSource::Range EventSource::recover() {
    AgentState& state = *mappings_->state;
    if (state.pending_index < kBatch && state.pending_slot < XOS_BINDINGS_MAX &&
        state.done == state.pending_index + 1)
        state.counters[state.pending_slot] = state.pending;
    Range range{state.done, state.done};
    while (range.end < kBatch && message_length(state.batch[range.end]) != 0) ++range.end;
    return range;
}

Outcome<size_t> EventSource::receive() {
    AgentState& state = *mappings_->state;
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
    const RawMessage& message = mappings_->state->batch.at(index);
    if (message.sender.nl_pid != 0) return fail(Errc::denied, "a process event was not sent by the kernel");
    return parse_proc_event(message.bytes);
}

void EventSource::commit(size_t index, uint32_t slot, const TrackingCounters& counters) {
    AgentState& state = *mappings_->state;
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
    AgentState& state = *mappings_->state;
    state.pending_index = kBatch;
    order();
    state.done = static_cast<uint32_t>(index) + 1;
    order();
}

void EventSource::publish(uint32_t slot, const TrackingCounters& counters) {
    mappings_->state->pending_index = kBatch;  // must not be applied over this
    order();
    mappings_->state->counters.at(slot) = counters;
}

TrackingCounters EventSource::counters(uint32_t slot) const { return mappings_->state->counters.at(slot); }

uint64_t EventSource::passed(uint32_t slot) const {
    if (!filtered_) return mappings_->state->counters.at(slot).received;
    return load(mappings_->slots[slot].passed);
}

uint64_t EventSource::gap() const {
    uint64_t sum = own_gap_;
    for (size_t cpu = 0; cpu < mappings_->cpu_count; ++cpu) sum += load(mappings_->cpus[cpu].gap);
    return sum;
}

bool EventSource::take_overflow() { return std::exchange(overflow_, false); }

uint32_t EventSource::origin(int32_t tgid) const {
    if (!filtered_) return 0;
    const int map = fds_[static_cast<size_t>(AgentFd::origins) - static_cast<size_t>(AgentFd::netlink)].get();
    const auto key = static_cast<uint32_t>(tgid);
    uint32_t serial = 0;
    return bpf_map_lookup_elem(map, &key, &serial) == 0 ? serial : 0;
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

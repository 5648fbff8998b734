#include "connector_agent/proc_event_source.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "connector_agent/process_files.h"

namespace xos {

ProcEventSource::ProcEventSource(AgentState state, bool filtered)
    : state_(std::move(state)), heads_(std::make_unique<Heads>()), filtered_(filtered) {}

Outcome<ProcEventSource> ProcEventSource::inherit(bool filtered) {
    constexpr int first = static_cast<int>(AgentFd::netlink);
    const int end = static_cast<int>(filtered ? AgentFd::end : AgentFd::cpus);
    for (int fd = first; fd < end; ++fd)
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
            return failure_errno(errno, "descriptor {} was not inherited; only xosd starts this program", fd);
    auto state = AgentState::map(static_cast<int>(AgentFd::state));
    if (!state) return std::unexpected(state.error());
    ProcEventSource source(std::move(*state), filtered);
    for (int fd = first; fd < end; ++fd) source.fds_[static_cast<size_t>(fd - first)].reset(fd);
    if (filtered)
        if (auto mapped = source.map_counters(); !mapped) return std::unexpected(mapped.error());
    return source;
}

Outcome<void> ProcEventSource::map_counters() {
    bpf_map_info info{};
    uint32_t size = sizeof info;
    if (const int e = bpf_map_get_info_by_fd(fd(AgentFd::cpus), &info, &size); e != 0)
        return failure_errno(-e, "cannot ask for the size of the filter's counters");
    cpus_ = info.max_entries;  // one for each possible CPU
    auto by_cpu = MappedCounters<xos_cpu_counters>::map(fd(AgentFd::cpus), cpus_);
    auto by_slot = MappedCounters<xos_slot_counters>::map(fd(AgentFd::slots),
                                                          static_cast<size_t>(cpus_) * XOS_BINDINGS_MAX);
    if (!by_cpu) return std::unexpected(to_failure(by_cpu.error()));
    if (!by_slot) return std::unexpected(to_failure(by_slot.error()));
    cpu_counters_ = std::move(*by_cpu);
    slot_counters_ = std::move(*by_slot);
    return {};
}

int ProcEventSource::fd(AgentFd which) const {
    return fds_[static_cast<size_t>(which) - static_cast<size_t>(AgentFd::netlink)].get();
}

std::vector<int> ProcEventSource::descriptors() const {
    std::vector<int> all;
    for (const UniqueFd& held : fds_)
        if (held) all.push_back(held.get());
    return all;
}

void ProcEventSource::rest() const {
    constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 1'000'000};
    if (rate_.busy()) nanosleep(&kPause, nullptr);
}

Outcome<std::span<const EventMessage>> ProcEventSource::receive() {
    const std::span<EventMessage> batch = state_.clear();
    if (heads_->parts[0].iov_base == nullptr)
        for (size_t i = 0; i < kBatchMax; ++i) {
            heads_->parts[i] = {batch[i].bytes.data(), kEventMessageMax};
            heads_->messages[i].msg_hdr = {.msg_name = &batch[i].sender,
                                           .msg_namelen = sizeof batch[i].sender,
                                           .msg_iov = &heads_->parts[i],
                                           .msg_iovlen = 1};
        }
    for (;;) {
        const int count = recvmmsg(socket(), heads_->messages.data(), kBatchMax, MSG_DONTWAIT, nullptr);
        if (count >= 0) {
            const std::span<const EventMessage> taken = batch.first(static_cast<size_t>(count));
            count_sequences(taken);
            rate_.add(taken.size(), monotonic_ns());
            return taken;
        }
        if (errno == ENOBUFS) overflow_ = true;
        if (errno == EINTR || errno == ENOBUFS) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return std::span<const EventMessage>();
        return failure_errno(errno, "cannot read process events");
    }
}

Result<ProcEvent> ProcEventSource::parse(const EventMessage& message) {
    if (message.sender.nl_pid != 0) return fail(Errc::denied, "a process event was not sent by the kernel");
    return parse_proc_event(message.bytes);
}

uint64_t ProcEventSource::passed(uint32_t slot) const {
    if (!filtered_) return state_.slot(slot).counters.received;
    uint64_t sum = 0;
    for (size_t cpu = 0; cpu < cpus_; ++cpu)
        sum += slot_counters_.read(cpu * XOS_BINDINGS_MAX + slot, &xos_slot_counters::passed);
    return sum;
}

uint64_t ProcEventSource::gap() const {
    uint64_t sum = own_gap_;
    for (size_t cpu = 0; cpu < cpus_; ++cpu) sum += cpu_counters_.read(cpu, &xos_cpu_counters::gap);
    return sum;
}

bool ProcEventSource::take_overflow() {
    return std::exchange(overflow_, false);
}

std::optional<xos_origin> ProcEventSource::origin(int32_t tgid) const {
    if (!filtered_) return std::nullopt;
    const auto key = static_cast<uint32_t>(tgid);
    xos_origin origin{};
    if (bpf_map_lookup_elem(fd(AgentFd::origins), &key, &origin) != 0) return std::nullopt;
    origin.comm[XOS_COMM_SIZE - 1] = '\0';
    return origin;
}

void ProcEventSource::count_sequences(std::span<const EventMessage> messages) {
    if (filtered_) return;
    constexpr uint32_t kAcknowledgement = 0xffffffff;  // has no CPU
    for (const EventMessage& message : messages) {
        const auto seen = parse(message);
        if (!seen || seen->cpu == kAcknowledgement) continue;
        const auto [last, first] = last_sequence_.try_emplace(seen->cpu, seen->sequence);
        if (!first) own_gap_ += static_cast<uint32_t>(seen->sequence - last->second - 1);
        last->second = seen->sequence;
    }
}

}  // namespace xos

// The agent's way from the kernel to an event, as a program of its own for bench/tracking: its EventSource
// and its pauses, without the tracker behind them. Started like the agent; in the place of the agent's
// listening socket it has the memory for what it sees.
#include <fcntl.h>
#include <poll.h>

#include <ctime>
#include <utility>

#include "bench/seen.h"
#include "connector_agent/event_source.h"
#include "connector_agent/process_files.h"

using namespace xos;
using namespace xos::bench;

namespace {

// As Tracker::read_events() of connector_agent/tracker_events.cc.
constexpr size_t kBusyBatch = 8;
constexpr long kCoalesceNs = 500'000;

void note(const EventSource& source, size_t index, Seen& seen) {
    const auto event = source.event(index);
    if (!event) return;
    ++seen.events;
    if (event->kind != ProcEventKind::exit) return;
    seen.exit_ns = monotonic_ns();
    seen.exit_pid = event->pid;
}

void listen(EventSource& source, Seen& seen) {
    size_t last_batch = 0;
    pollfd ready{.fd = source.socket(), .events = POLLIN};
    while (poll(&ready, 1, -1) > 0) {
        if (last_batch >= kBusyBatch) {
            const timespec pause{.tv_sec = 0, .tv_nsec = kCoalesceNs};
            nanosleep(&pause, nullptr);
        }
        for (;;) {
            const auto count = source.receive();
            if (!count) return;
            if (*count == 0) break;
            last_batch = *count;
            for (size_t i = 0; i < *count; ++i) note(source, i, seen);
        }
    }
}

}  // namespace

int main() {
    constexpr int kMemory = static_cast<int>(AgentFd::listener);
    const SharedSeen seen(UniqueFd(fcntl(kMemory, F_DUPFD_CLOEXEC, static_cast<int>(AgentFd::end))));
    auto source = EventSource::inherit(true);
    if (!seen.valid() || !source) return 1;
    listen(*source, *seen);
    return 1;
}

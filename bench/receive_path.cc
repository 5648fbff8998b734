// The agent's way from the kernel to an event, as a program of its own for bench/tracking: its
// ProcEventSource and its pauses, without the tracker behind them. Started like the agent; in the place of
// the agent's listening socket it has the memory for what it sees.
#include <fcntl.h>
#include <poll.h>

#include <utility>

#include "bench/seen.h"
#include "connector_agent/proc_event_source.h"
#include "connector_agent/process_files.h"

using namespace xos;
using namespace xos::bench;

namespace {

void note(const EventMessage& message, Seen& seen) {
    const auto event = ProcEventSource::parse(message);
    if (!event) return;
    ++seen.events;
    if (event->kind != ProcEventKind::exit) return;
    seen.exit_ns = monotonic_ns();
    seen.exit_pid = event->pid;
}

void listen(ProcEventSource& source, Seen& seen) {
    pollfd ready{.fd = source.socket(), .events = POLLIN};
    while (poll(&ready, 1, -1) > 0) {
        source.rest();
        for (bool more = true; more;) {
            const auto taken = source.receive();
            if (!taken) return;
            for (const EventMessage& message : *taken) note(message, seen);
            source.state().commit(taken->size(), {});
            more = taken->size() == kBatchMax;
        }
    }
}

}  // namespace

int main() {
    constexpr int kMemory = static_cast<int>(AgentFd::listener);
    const SharedSeen seen(UniqueFd(fcntl(kMemory, F_DUPFD_CLOEXEC, static_cast<int>(AgentFd::end))));
    auto source = ProcEventSource::inherit(true);
    if (!seen.valid() || !source) return 1;
    listen(*source, *seen);
    return 1;
}

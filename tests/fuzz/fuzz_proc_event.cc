// Any bytes as a message of the proc connector, and any sequence of such events on a process tree.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "connector_agent/proc_event.h"
#include "connector_agent/process_tree.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr size_t kMessage = 76;
    xos::ProcessTree tree;
    xos::ProcessTree::Changes changes;
    auto rest = std::as_bytes(std::span(data, size));
    while (!rest.empty()) {
        const auto message = rest.first(std::min(rest.size(), kMessage));
        rest = rest.subspan(message.size());
        const auto event = xos::parse_proc_event(message);
        if (!event) continue;
        tree.apply(*event, changes);
        // a process that exited as a whole is not believed to be alive, unless that is still to be asked
        for (const auto& [pid, process] : tree.processes())
            if (pid <= 0 || (!process.threads_unsure && !process.leader_alive && process.threads.empty()))
                std::abort();
    }
    return 0;
}

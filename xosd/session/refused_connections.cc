#include "xosd/session/refused_connections.h"

#include <signal.h>

#include "common/log.h"
#include "xosd/container/pidfd.h"

namespace xos {

void RefusedConnections::add(UniqueFd pidfd) {
    if (!pidfd) return;
    const uint64_t id = next_++;
    entries_[id].pidfd = std::move(pidfd);
    signal_later(id, SIGTERM);
}

void RefusedConnections::signal_later(uint64_t id, int signal) {
    auto timer = loop_.after(kRefusalGrace, [this, id, signal] {
        const bool there = pidfd_send_signal(entries_.at(id).pidfd.get(), signal, nullptr, 0) == 0;
        if (there && signal == SIGTERM) return signal_later(id, SIGKILL);
        entries_.erase(id);
    });
    if (timer) {
        entries_.at(id).timer = *std::move(timer);
        return;
    }
    log(Level::error, "a refused connection is ended at once", {{"reason", timer.error().message}});
    pidfd_send_signal(entries_.at(id).pidfd.get(), SIGKILL, nullptr, 0);
    entries_.erase(id);
}

}  // namespace xos

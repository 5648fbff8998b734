// The netlink socket that carries the kernel's process events.
//
// Owns: opening it with its filter, asking the kernel to speak, and making it speak again. Process: xosd, as
// root in the initial pid, user and network namespaces: elsewhere the kernel ignores LISTEN without a word.
// Trusts: nothing is read here; the agent reads.
#pragma once

#include <vector>

#include "common/failure.h"
#include "libxos/unique_fd.h"
#include "xosd/tracking/connector_filter.h"

namespace xos {

// Joins the group and LISTENs only after filter (nullptr = none) is attached, so that no foreign event is
// ever queued. buffer_bytes is what SO_RCVBUFFORCE is asked for; an event takes 832 bytes of twice that.
Outcome<UniqueFd> open_proc_connector(const ConnectorFilter* filter, int buffer_bytes);

// Whether the kernel tells process events to this process at all: it does in the initial pid, user and
// network namespaces only, where CONFIG_PROC_EVENTS is set. Errc::unavailable, with what is in the way.
Outcome<void> check_proc_connector();

// LISTENs again, where somebody who has the socket took it back. Does nothing where the socket listens.
void listen_proc_connector(int socket);

// Undoes LISTEN: the kernel counts listeners, and one that goes away silently costs every fork until the next
// boot.
void ignore_proc_connector(int socket);

// The kernel's count of listeners is global and can be driven down by others; each spare raises it again.
// Spares join no group, so they cost nothing; they stay open as long as the owner lives.
class SpareListeners {
  public:
    // One more LISTEN. Errc::unavailable where kMax did not help.
    Outcome<void> add();
    size_t size() const { return sockets_.size(); }

  private:
    static constexpr size_t kMax = 64;
    std::vector<UniqueFd> sockets_;
};

}  // namespace xos

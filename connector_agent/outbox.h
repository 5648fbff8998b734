// What the agent has to say to xosd, kept while xosd does not read.
//
// Owns: the connection and a bounded queue. Process: the agent. Trusts: nothing of the peer but that it is
// root.
#pragma once

#include <cstddef>
#include <deque>
#include <span>

#include "common/tracking/agent_channel.h"

namespace xos {

class Outbox {
  public:
    // Replaces the connection; what was queued for the former is dropped, the state is sent to the new one.
    void connect(UniqueFd socket);
    void disconnect();
    int socket() const { return socket_.get(); }
    bool connected() const { return static_cast<bool>(socket_); }

    // Not vital messages are dropped from half the limit on, vital ones from the whole; both are remembered.
    void send(const AgentMessage& message, bool vital, std::span<const int> fds = {});
    // The socket takes more.
    void flush();
    bool waiting() const { return !queue_.empty(); }
    // Messages that were dropped since the last call, once the queue is empty again.
    size_t take_dropped();

  private:
    UniqueFd socket_;
    std::deque<AgentMessage> queue_;
    size_t dropped_ = 0;
};

}  // namespace xos

// The agent's loop: process events on one side, xosd on the other.
//
// Owns: the listening socket and the connection to xosd. Process: the agent. Trusts: a peer whose user id is
// 0.
#pragma once

#include <sys/stat.h>

#include <deque>
#include <memory>

#include "common/failure.h"
#include "connector_agent/outbox.h"
#include "connector_agent/tracker.h"

namespace xos {

class Agent {
  public:
    // listener: SOCK_SEQPACKET, listening, bound to a path.
    static Outcome<std::unique_ptr<Agent>> make(ProcEventSource source, ProcessFiles files,
                                                UniqueFd listener);
    Agent(Agent&&) = delete;
    // Until this agent is not wanted any more: no xosd is connected and the listening path is somebody
    // else's.
    Outcome<void> run();

  private:
    Agent(ProcEventSource source, ProcessFiles files, UniqueFd listener, UniqueFd timer);
    void accept_peer();
    void read_requests();
    void handle(ReceivedMessage received);
    void bind_waiting();
    void greet();
    void set_tick(uint64_t interval_ns);
    void on_tick();
    bool is_orphaned() const;

    Outbox outbox_;
    Tracker tracker_;
    UniqueFd listener_;
    UniqueFd timer_;
    struct stat place_{};  // of the listening path when we began
    std::deque<ReceivedMessage> requests_;
    bool greeted_ = false;
    uint64_t tick_ns_ = 0;
};

}  // namespace xos

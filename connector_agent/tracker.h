// All bindings of this agent, kept true by events, checked by counting, corrected by resync.
//
// Owns: bindings, the event source, the heartbeat. Process: the agent. Trusts: xosd's requests, the kernel's
// messages.
//
// The equation: for each binding what the filter let through equals what was received plus what is declared
// lost. Any deficit that two checks in a row confirm is declared, said to xosd, and followed by a resync.
#pragma once

#include <poll.h>

#include <deque>
#include <functional>
#include <set>
#include <unordered_map>

#include "common/tracking/agent_protocol.h"
#include "connector_agent/binding.h"
#include "connector_agent/proc_event_source.h"
#include "connector_agent/process_files.h"

namespace xos {

class Tracker {
  public:
    // vital messages must reach xosd or be made up for by its asking for the state; the others may be
    // dropped.
    using Send = std::function<void(const AgentMessage& message, bool vital)>;
    // Asks the owner to bind() what xosd has asked for and nothing else: an event may overtake the request
    // that binds its cgroup.
    using BindWaiting = std::function<void()>;

    Tracker(ProcEventSource source, ProcessFiles files, Send send, BindWaiting bind_waiting);

    void bind(Bind request, UniqueFd cgroup, UniqueFd journal);
    void watch_main(const WatchMain& request);
    void unbind(const Unbind& request);
    void snapshot(const SnapshotRequest& request);
    // From now on events are read; first those that a killed predecessor had taken.
    void start();
    void send_state();

    bool started() const { return started_; }
    const ProcEventSource& source() const { return source_; }
    // The socket is readable.
    void read_events();
    // Heartbeat, equation, a share of the bindings re-read. Once a second; more often while silent().
    void tick();
    // Work planned for a certain time.
    void run_due();
    // Until the next planned work, -1 = none.
    int timeout_ms() const;
    bool silent() const { return silent_since_ns_ != 0; }
    // Appends what to wait for beside the socket: ends of escaped processes, of which the kernel's messages
    // tell nothing. Any that is ready: escaped_ready().
    void add_escaped(std::vector<pollfd>& polls) const;
    void escaped_ready();

  private:
    struct Young {
        uint64_t due_ns;
        uint32_t serial;
        int32_t pid;
    };
    // tracker_events.cc. drain(): false: more came than one call reads.
    bool drain();
    void process(const EventMessage& message);
    void process_for(Binding& binding, ProcEvent event, std::optional<xos_origin> origin);
    void complete(const Binding& binding, ProcEvent& event, std::optional<xos_origin>& origin) const;
    void finish_batch(size_t count);
    void settle_unsure_threads();
    Binding* route(const ProcEvent& event, std::optional<xos_origin>& origin);
    Binding* route_by_cgroup(int32_t pid);
    void check_equation();
    void check_binding(Binding& binding);
    void check_gap();
    void check_heartbeat(bool overflow);
    void sweep();

    Binding* find(uint32_t serial);
    void settle(Binding& binding, const ProcessTree::Changes& changes);
    void tell_ends(Binding& binding);
    // Outside of a batch: what changed is in the shared state.
    void store(Binding& binding);
    void note_journal(Binding& binding, const std::optional<Error>& failed);
    void resync_now(Binding& binding, bool doubt = false);
    // All may have missed something.
    void resync_all(LossReason why);
    void plan_resync(Binding& binding, uint64_t delay_ns);
    void hold_young(uint64_t now);
    void complete_all(Binding& binding);
    void tell_loss(const Lost& loss);

    ProcEventSource source_;
    ProcessFiles files_;
    Send send_;
    BindWaiting bind_waiting_;
    std::unordered_map<uint32_t, Binding> bindings_;  // by serial
    std::unordered_map<int32_t, uint32_t> owners_;    // process to serial
    std::set<std::pair<uint64_t, uint32_t>> due_;     // planned resyncs: time, serial
    std::deque<Young> young_;                         // not held yet
    std::unordered_map<int32_t, uint32_t> escaped_;   // process to serial
    std::vector<uint32_t> changed_;                   // serials that the current batch concerns
    std::vector<uint32_t> unsure_;                    // serials with ends to be asked for
    ProcessTree::Changes changes_;                    // of one event; kept to save its memory
    bool started_ = false;
    bool heard_ = false;  // the current batch has a heartbeat
    SlotState heartbeat_;
    uint64_t beats_known_ = 0;  // passed or received at the last beat
    uint64_t gap_told_ = 0;
    uint64_t silent_since_ns_ = 0;
    uint64_t check_due_ns_ = 0;
    uint32_t sweep_next_ = 0;
};

}  // namespace xos

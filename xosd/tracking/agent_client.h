// xosd's side of process tracking: one object that jobs are bound with.
//
// Owns: the connection to the connector agent, second descriptors of everything the agent works with, and the
// list of bindings. Process: xosd's single-threaded sd-event loop, as root in the initial namespaces. Trusts:
// the agent to report what it saw; never to name a process to kill or a map to write (both are checked with
// the kernel).
//
// xosd may die: the agent goes on and is adopted. The agent may die: a successor gets the same descriptors
// and the same bindings, and what was missed is said by on_lost. Both at once: with the kept descriptors the
// same goes on, cgroup by cgroup as they are bound again; without them tracking starts anew from what the
// cgroups hold.
#pragma once

#include <systemd/sd-event.h>

#include <bitset>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/failure.h"
#include "common/tracking/agent_channel.h"
#include "xosd/tracking/agent_process.h"
#include "xosd/tracking/agent_resources.h"

namespace xos {

struct AgentOptions {
    std::string socket_path;  // kAgentSocket
    AgentProgram program;     // default_agent_program()
    int receive_buffer = 64 * 1024 * 1024;
    bool use_filter = true;  // false: demultiplex in the agent even where BPF is allowed
    // Before the successor of an agent that has died: the first time, and at most, doubled from one to the
    // other.
    std::chrono::milliseconds pause_first{100}, pause_last{10'000};
    // The descriptors of an earlier xosd, in their order, from who kept them while neither it nor its agent
    // were there; empty: none. keep() has them kept from now on;
    // anew: in place of others.
    std::vector<UniqueFd> kept = {};
    std::function<void(std::span<const int>, bool anew)> keep = {};
};

// All are called from the event loop; job is the name given to bind().
struct AgentCallbacks {
    // status: wait(2) form, empty where it was lost. May come again with the status after it came without.
    std::function<void(const std::string& job, pid_t pid, std::optional<int> status)> on_main_exit;
    // No process is left in the job's cgroup.
    std::function<void(const std::string& job)> on_empty;
    // job is empty where any job may be concerned.
    std::function<void(const std::string& job, const Lost& loss)> on_lost;
    std::function<void()> on_agent_death;
};

struct JobSnapshot {
    std::vector<ProcessInfo> processes;
    TrackingCounters counters;
    uint64_t state_bytes = 0;  // pages of the agent's shared memory that are in use, of all bindings
};

class AgentClient {
  public:
    using OnSnapshot = std::function<void(Outcome<JobSnapshot>)>;

    // Adopts the agent that listens on the path, else starts one. Takes at most some seconds, at start only.
    // No event is read before ready().
    static Outcome<std::unique_ptr<AgentClient>> start_or_adopt(sd_event* event, AgentOptions options,
                                                                AgentCallbacks callbacks);
    AgentClient(const AgentClient&) = delete;
    AgentClient& operator=(const AgentClient&) = delete;
    // The agent goes on; only stop() ends it.
    ~AgentClient();

    // What an earlier xosd had bound is bound again, as far as it is wanted. From now on events are read.
    void ready();

    // Jobs that the adopted agent tracks already. Their main exits and emptiness are told by the callbacks in
    // the first round of the loop.
    std::vector<std::string> bound_jobs() const;

    // Tracks all processes in cgroup (a directory descriptor; it is duplicated) and below from now on. path
    // is the cgroup's in the v2 tree as /proc/PID/cgroup shows it. At least as early as CLONE_INTO_CGROUP, so
    // that nothing is missed. journal: a regular file, open for reading and writing, that the agent appends
    // to. Errc::exists: bound already.
    struct Extras {
        UniqueFd journal = {};
        bool restored = false;  // watch_main() finds what a checkpoint has brought back
    };
    Outcome<void> bind(const std::string& job, int cgroup, const std::string& path) {
        return bind(job, cgroup, path, Extras());
    }
    Outcome<void> bind(const std::string& job, int cgroup, const std::string& path, Extras extras);
    // For a job of bound_jobs(): the journal that it was bound with, for an agent to come.
    void keep_journal(const std::string& job, UniqueFd journal);
    // pid, in the initial pid namespace, is the process whose end is the job's.
    Outcome<void> watch_main(const std::string& job, pid_t pid);
    Outcome<void> unbind(const std::string& job);
    // The processes as they are when the agent answers; callback is called exactly once, later.
    Outcome<void> snapshot(const std::string& job, OnSnapshot callback);

    // Ends the agent and takes back LISTEN, for a node that is taken down.
    void stop();
    pid_t agent_pid() const;
    bool filtered() const { return resources_.filter.has_value(); }

  private:
    struct Binding {
        Bind request;
        std::shared_ptr<const UniqueFd> cgroup, journal;
        bool main_told = false;
        std::optional<int32_t> main_status;
    };
    struct Outgoing {
        AgentMessage message;
        std::vector<std::shared_ptr<const UniqueFd>> fds;
    };
    struct PendingSnapshot {
        JobSnapshot collected;
        OnSnapshot callback;
    };

    AgentClient(sd_event* event, AgentOptions options, AgentCallbacks callbacks);
    bool may_run() const;
    Outcome<bool> adopt();
    Outcome<void> read_adopted_state(int socket);
    Outcome<void> adopt_bindings();
    Outcome<void> open_resources();
    Outcome<void> start_agent();
    void queue_bind(const Binding& binding, Bind request);
    Outcome<void> watch_agent();
    void queue(AgentMessage message, std::vector<std::shared_ptr<const UniqueFd>> fds = {});
    void flush();
    void update_interest();
    int on_socket(uint32_t events);
    void read_messages();
    void handle(const AgentMessage& message);
    void handle_state(const BindingState& state);
    static int on_adopted(sd_event_source* source, void* self);
    void handle_main_exit(const MainExit& exit);
    void handle_page(const SnapshotPage& page);
    void handle_silence(const Silence& silence);
    void on_connection_lost();
    void fail_snapshots();
    void schedule_restart();
    void restart();
    Outcome<uint32_t> find_free_slot();
    Outcome<void> bind_anew(Binding& binding);
    Binding* find(const std::string& job);
    std::string job_of(uint32_t serial) const;

    sd_event* event_;
    AgentOptions options_;
    AgentCallbacks callbacks_;
    AgentResources resources_;
    std::optional<AgentProcess> process_;
    UniqueFd socket_;
    sd_event_source* io_ = nullptr;
    sd_event_source* end_ = nullptr;
    sd_event_source* timer_ = nullptr;
    sd_event_source* adopted_source_ = nullptr;
    std::deque<Outgoing> outgoing_;
    std::map<std::string, Binding> bindings_;
    std::map<uint32_t, std::string> jobs_;  // by serial
    std::bitset<XOS_BINDINGS_MAX> slots_;   // in use
    std::map<uint32_t, PendingSnapshot> snapshots_;
    std::vector<BindingState> adopted_;
    bool ready_ = false;
    bool resuming_ = false;  // the kernel may have bindings of an earlier xosd that are not bound here yet
    uint32_t last_serial_ = 0;
    uint32_t last_slot_ = 0;
    uint32_t last_request_ = 0;
    std::chrono::milliseconds backoff_{0};
    std::optional<std::chrono::steady_clock::time_point> silence_told_;
    std::chrono::steady_clock::time_point started_;
};

}  // namespace xos

// Jobs from their submission to their end, across restarts of xosd.
//
// Owns: the records of jobs, their cgroups, layers, tracking and checkpoints. The one place that starts,
// ends, checkpoints and restarts a job. Process: xosd's loop; everything slow runs in children. Trusts: the
// kernel's word on a caller's uid. Each state is stored before it is acted on, so that recover() can put
// right what a crash left: see job.h.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libxos/resource_files.h"
#include "xosd/checkpoint/checkpointer.h"
#include "xosd/job/job_journals.h"
#include "xosd/job/job_store.h"
#include "xosd/node_config.h"
#include "xosd/operation_watch.h"
#include "xosd/session/delegation_service.h"
#include "xosd/session/session_store.h"
#include "xosd/tracking/agent_client.h"
#include "xosd/tracking/job_cgroup.h"
#include "xosd/trust/trust_store.h"

namespace xos {

// Where jobs lie on the node, and what runs them; a daemon takes the defaults.
struct JobPlaces {
    std::string layers = kJobDir;
    std::string checkpoints = kCheckpointDir;
    std::string resources = kResourceDir;
    std::string events = kEventsDir;
    std::string loader = ContainerSpec().loader;
    std::optional<CgroupBase> cgroups;  // none: found from xosd's own cgroup
    std::optional<AgentOptions>
        agent;  // none: the installed program on kAgentSocket; its cgroup is filled in
    std::unique_ptr<Checkpointer> checkpointer = make_criu_checkpointer();
    std::chrono::milliseconds grace = kEndGrace;  // of a job that is ended, between SIGTERM and SIGKILL
};

struct JobCounts {
    size_t live = 0, ended = 0;  // live: not ended yet
};

class JobService {
  public:
    struct Parts {
        EventLoop& loop;
        Database& database;
        const NodeConfig& config;
        const TrustStore& trust;
        const SessionStore& sessions;
        const DelegationService* delegations = nullptr;  // none: sessions alone hold credentials
    };
    using OnJob = std::function<void(Outcome<Job>)>;
    using OnCheckpoint = std::function<void(Outcome<Checkpoint>, uint64_t generation)>;
    using OnCleared = std::function<void(const Outcome<void>&)>;

    // Finds the cgroups, starts or adopts the connector agent, recovers the jobs. parts outlive the service.
    static Outcome<std::unique_ptr<JobService>> start(Parts parts, JobPlaces places = {});

    // For the member with this uid, whose session here must hold a valid credential, or who has delegated
    // one. done: running, or why not.
    void run(uint32_t uid, const Json& parameters, OnJob done);
    // A connection to the loader of a running interactive job, for the member's program.
    Outcome<UniqueFd> attach(uint32_t uid, uint64_t id);
    // done when the job has ended; at once if it has.
    void wait(uint32_t uid, uint64_t id, OnJob done);
    // SIGTERM, after the grace SIGKILL; now: SIGKILL. done when the job has ended.
    void cancel(uint32_t uid, uint64_t id, bool now, OnJob done);
    // stop: the job ends when its checkpoint is committed.
    void checkpoint(uint32_t uid, uint64_t id, bool stop, OnCheckpoint done);
    // generation 0: the newest. done: running again.
    void restart(uint32_t uid, uint64_t id, uint64_t generation, OnJob done);
    // Removes an ended job with its checkpoints.
    void forget(uint32_t uid, uint64_t id, OnJob done);
    // The same with all ended jobs of owner, their layers among it.
    void forget_all(uint32_t owner, OnCleared done);
    void snapshot(uint32_t uid, uint64_t id, std::function<void(Outcome<JobSnapshot>)> done);
    // What happened to its processes, see event_journal.h; it grows until the job has ended.
    Outcome<UniqueFd> read_journal(uint32_t uid, uint64_t id) const;

    // The job, if uid may see it: root all, others their own. To a stranger it does not exist.
    Outcome<Job> find(uint32_t uid, uint64_t id) const;
    std::vector<Job> list(uint32_t uid, bool all) const;
    // stir is called with the uid of each job that begins or ends.
    void on_change(std::function<void(uint32_t)> stir) { stir_ = std::move(stir); }
    std::map<uint32_t, JobCounts> count() const;  // by owner

    // What login sessions share with jobs; the service's.
    AgentClient& agent() { return *agent_; }
    EventLoop& loop() { return parts_.loop; }
    const CgroupBase& cgroups() const { return *places_.cgroups; }

  private:
    // Of a job that has not ended: it is in live_ from the moment its state is stored until ended is.
    struct Live {
        std::unique_ptr<JobCgroup> cgroup;  // null: nothing of this run is on the node yet
        ContainerProcess process;
        EventSource on_end;  // set while the loader is known to run
        EventSource on_grace;
        std::unique_ptr<CgroupKill> kill;
        std::optional<int32_t> agent_status;  // of the loader, as the agent saw it
        EventSource on_walltime;
        EventSource on_kill;                   // set while its processes have their grace
        std::optional<uint64_t> began_usec;    // as Job; none: by an xosd before this one
        std::optional<uint64_t> ended_usec;    // when the loader's end was seen
        std::shared_ptr<const bool> counting;  // while the agent is asked what it counted
        bool dumping = false;
        bool ending = false;
        bool cancelled = false;
        std::string stop_reason;  // why it was ended by us
        std::vector<OnJob> waiters;
    };
    struct Owner {  // who owns a job, as far as the trust store knows him now
        const TrustedVo* vo = nullptr;
        const Member* member = nullptr;
        std::string home;
        std::vector<uint32_t> groups;
        AccountsSnapshot accounts;
        Limits limits;  // that both policies leave for submitting a job
    };

    JobService(Parts parts, JobPlaces places)
        : parts_(parts),
          places_(std::move(places)),
          store_(parts.database),
          journals_(places_.events),
          operations_(parts.loop) {}
    Outcome<void> load();
    Outcome<void> start_agent();
    AgentCallbacks make_callbacks();

    Outcome<Owner> find_member(uint32_t uid) const;
    Outcome<Owner> authorize(uint32_t uid, std::initializer_list<Action> actions) const;
    Outcome<void> check_quota(uint32_t uid, const Limits& limits) const;
    // Denied where the owner's VO lets no job start here, whoever asks: it has ended, or drains this node.
    Outcome<void> check_vo_serves(const Owner& owner) const;
    bool has_credential(const Owner& owner, uint32_t uid, std::chrono::sys_seconds now) const;
    std::optional<JobCredential> find_credential(const Owner& owner, uint32_t uid) const;
    // The job's entry where its loader runs and nothing has begun to end it.
    Outcome<Live*> find_running(const Job& job);
    std::string layer_of(uint64_t id) const { return places_.layers + "/" + job_name(id); }
    std::string checkpoints_of(uint64_t id) const { return places_.checkpoints + "/" + job_name(id); }

    // job_lifecycle.cc
    Outcome<Job> add(const Owner& owner, Job job);
    // restored: from a checkpoint, with processes that were tracked before.
    Outcome<Live*> make_live(const Job& job, const Limits& limits, bool restored);
    Outcome<ContainerSpec> make_spec(const Job& job, const Owner& member, const Live& live) const;
    void begin(const Job& job, Outcome<Operation> operation, Outcome<ContainerProcess> (*finish)(Operation),
               OnJob done);
    void began(uint64_t id, Outcome<ContainerProcess> process, const OnJob& done);
    Outcome<void> watch(uint64_t id);
    void give_up(uint64_t id, const Failure& reason);
    void conclude(Job job);
    void clear_leftovers(uint64_t id);
    void clear_layer(uint64_t id, OnCleared then);
    UniqueFd open_journal(uint64_t id) const;
    void drop_oldest(uint32_t uid);

    // job_end.cc
    void walltime_over(uint64_t id);
    void stop_run(uint64_t id, std::string reason, bool now);
    void ask_to_end(uint64_t id, std::chrono::milliseconds grace);
    void kill(uint64_t id);
    void process_ended(uint64_t id);
    void end(uint64_t id);
    void killed(uint64_t id, const Outcome<void>& done);
    void count(uint64_t id);
    void ended(uint64_t id, const Outcome<JobSnapshot>& last);
    JobUsage account(const Job& job, const Live& live, const Outcome<JobSnapshot>& last) const;

    // job_checkpoint.cc
    Outcome<uint64_t> next_generation(uint64_t id);
    Outcome<void> record_checkpoint(uint64_t id, uint64_t generation, const Checkpoint& checkpoint);
    Outcome<std::string> find_digest(uint64_t id, uint64_t generation);
    Outcome<void> adopt_checkpoints(uint64_t id);
    Outcome<void> forget_checkpoints(uint64_t id);
    void checkpointed(uint64_t id, uint64_t generation, bool stop, Outcome<Checkpoint> checkpoint,
                      const OnCheckpoint& done);
    void restore(const Job& job, uint64_t generation, const std::string& digest, OnJob done);

    // job_recovery.cc
    Outcome<void> recover();
    void recover_job(const Job& job);
    void recover_running(const Job& job);
    void recover_files();

    Parts parts_;
    JobPlaces places_;
    JobStore store_;
    JobJournals journals_;
    OperationSet operations_;
    std::function<void(uint32_t)> stir_ = [](uint32_t) {};
    std::unique_ptr<AgentClient> agent_;
    std::map<uint64_t, Live> live_;
    std::map<uint64_t, std::vector<OnCleared>>
        clearing_;  // removals of layers under way, and who waits for them
};

// Deletes a job's directory. To be run in a child: a job may leave millions of files. An absent one is
// success.
Outcome<std::string> remove_tree(const std::string& directory);
inline constexpr std::chrono::seconds kRemoveDeadline{600};

}  // namespace xos

// Containers of others on this machine (podman's, LXC's, Slurm's, a service's), tracked like the node's jobs.
//
// Owns: their bindings with the connector agent, from the moment they are found or added until their cgroup
// is removed, and their records. Process: xosd's loop; the search for a container's id runs in a child.
// Trusts: the kernel for what a cgroup is; nothing of its name. Callers decide who may ask.
//
// A binding is found again after a restart of xosd by its record: the agent has gone on with it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/event_loop.h"
#include "xosd/operation_watch.h"
#include "xosd/tracking/agent_client.h"
#include "xosd/tracking/cgroup_tree.h"
#include "xosd/tracking/container_store.h"
#include "xosd/tracking/container_watch.h"

namespace xos {

inline constexpr size_t kContainersMax = 1000;

struct BoundCgroup {
    std::string name;
    std::string cgroup;
};

class ContainerService {
  public:
    struct Parts {
        EventLoop& loop;
        Database& database;
        AgentClient& agent;
        std::string base;  // xosd's own cgroup, as /proc/PID/cgroup shows it, without its leaf
        std::function<std::vector<BoundCgroup>()> others;  // the bindings of jobs and sessions
    };
    using OnAdded = std::function<void(Outcome<TrackedContainer>)>;

    // Goes on with what an earlier xosd tracked, and begins with what matches patterns, which are valid.
    static Outcome<std::unique_ptr<ContainerService>> start(Parts parts,
                                                            const std::vector<std::string>& patterns);

    // What matches no pattern any more and was not added is let go.
    void set_patterns(const std::vector<std::string>& patterns);

    // name: empty where one is to be made from the path. Errc::exists: tracked already. Errc::conflict: it
    // lies in or above what is tracked, or the name is in use.
    Outcome<TrackedContainer> add(const std::string& cgroup, const std::string& name);
    // The one cgroup that runtimes name after id; see is_cgroup_of_container().
    void add_by_id(const std::string& id, const std::string& name, OnAdded done);
    // Errc::conflict: the configuration wants it tracked.
    Outcome<void> remove(const std::string& name);

    const std::map<std::string, TrackedContainer>& all() const { return containers_; }
    Outcome<TrackedContainer> find(const std::string& name) const;
    Outcome<void> snapshot(const std::string& name, AgentClient::OnSnapshot done);

  private:
    ContainerService(Parts parts, CgroupTop top)
        : parts_(std::move(parts)), top_(std::move(top)), store_(parts_.database), operations_(parts_.loop) {}
    Outcome<void> recover();
    void recover_one(const TrackedContainer& container, const std::vector<std::string>& bound);
    void look();
    void look_later();
    void found(const std::string& path, const CgroupPattern& pattern);
    void removed(const std::string& path);
    bool is_there(const TrackedContainer& container) const;
    Outcome<void> check_place(const std::string& path) const;
    Outcome<void> need_watch();
    Outcome<TrackedContainer> track(TrackedContainer wanted);
    Outcome<void> begin(const TrackedContainer& container, int cgroup);
    void keep(const TrackedContainer& container);
    void release(const std::string& name, const char* why);
    const CgroupPattern* match(const std::string& path) const;

    Parts parts_;
    CgroupTop top_;
    ContainerStore store_;
    OperationSet operations_;
    std::unique_ptr<ContainerWatch> watch_;
    std::vector<CgroupPattern> patterns_;
    std::map<std::string, TrackedContainer> containers_;  // by name
    std::map<std::string, std::string> names_;            // by path
    EventSource on_look_;
    bool full_ = false;  // there are more than are tracked: the next that ends makes room
    bool full_told_ = false;
};

}  // namespace xos

// The cgroup of one job, or of one login session: who is in it belongs to that, and nobody else does.
//
// Owns: its directory, the one way to kill what is in it, its accounts of CPU time and memory. Process: xosd,
// as root. Trusts: the kernel; the job has no right to write to these files, but may have made cgroups below
// where that was delegated.
#pragma once

#include <systemd/sd-event.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/failure.h"
#include "libxos/unique_fd.h"
#include "xosd/tracking/cgroup_tree.h"

namespace xos {

struct CpuUsage {
    uint64_t total_us = 0;  // of all that ever ran in the cgroup, the dead included
    uint64_t user_us = 0;
    uint64_t system_us = 0;
};

// The processes in a cgroup and in those below, as they are now; at most max of them.
std::vector<pid_t> members_of_cgroup(int directory, size_t max);

class JobCgroup {
  public:
    // name: [A-Za-z0-9][A-Za-z0-9._-]{0,127}. Errc::exists: it is there already.
    static Outcome<JobCgroup> make(const CgroupParent& parent, const std::string& name);
    static Outcome<JobCgroup> make(const CgroupBase& base, const std::string& name) {
        return make(base.jobs_parent(), name);
    }
    // Errc::not_found: there is none.
    static Outcome<JobCgroup> open(const CgroupParent& parent, const std::string& name);
    static Outcome<JobCgroup> open(const CgroupBase& base, const std::string& name) {
        return open(base.jobs_parent(), name);
    }

    int fd() const { return directory_.get(); }  // for CLONE_INTO_CGROUP and AgentClient::bind()
    uint64_t id() const { return id_; }
    const std::string& path() const { return path_; }  // in the v2 tree, as /proc/PID/cgroup shows it

    // Moves the process in.
    Outcome<void> add(pid_t pid) const;
    // A limit such as memory.max. Errc::not_found: the controller is not usable here.
    Outcome<void> set(const char* file, std::string_view value) const;
    // SIGKILL to everything inside, those forking meanwhile included. Returns before they are gone.
    Outcome<void> kill() const;
    Outcome<bool> populated() const;
    std::vector<pid_t> members(size_t max) const;
    // Blocks until nothing lives inside. Errc::timeout.
    Outcome<void> wait_empty(std::chrono::milliseconds deadline) const;
    // Read it before remove().
    Outcome<CpuUsage> cpu_usage() const;
    // Bytes, the most at one time. Errc::not_found: the memory controller is not usable here.
    Outcome<uint64_t> memory_peak() const;
    // Removes it and all cgroups below. Fails where something still lives inside.
    Outcome<void> remove();

  private:
    UniqueFd parent_;
    UniqueFd directory_;
    std::string name_;
    std::string path_;
    uint64_t id_ = 0;
};

// Kills a job's cgroup without blocking the loop.
class CgroupKill {
  public:
    // Called once, from the loop, unless the object is destroyed before: success, Errc::timeout, or why it
    // failed.
    using OnDone = std::function<void(Outcome<void>)>;
    // cgroup must outlive the object.
    static Outcome<std::unique_ptr<CgroupKill>> start(sd_event* event, const JobCgroup& cgroup,
                                                      std::chrono::milliseconds deadline, OnDone done);
    CgroupKill(const CgroupKill&) = delete;
    CgroupKill& operator=(const CgroupKill&) = delete;
    ~CgroupKill();

  private:
    CgroupKill(const JobCgroup& cgroup, OnDone done) : cgroup_(cgroup), done_(std::move(done)) {}
    void check(bool late);
    const JobCgroup& cgroup_;
    OnDone done_;
    UniqueFd events_;
    sd_event_source* io_ = nullptr;
    sd_event_source* timer_ = nullptr;
    sd_event_source* first_ = nullptr;
};

}  // namespace xos

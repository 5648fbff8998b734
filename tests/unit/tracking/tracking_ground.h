// Cgroups and a directory of one test or measurement alone, on the real kernel.
//
// Owns: a cgroup subtree with all processes in it, a directory for a socket; all gone with the object.
// Process: the test's, as root, which adopts the orphans of what it started. Trusts: the kernel. What cannot
// be done is a std::runtime_error.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "xosd/tracking/cgroup_tree.h"
#include "xosd/tracking/job_cgroup.h"

namespace xos::test {

// Empty: process events can be had here.
std::string why_tracking_cannot_run();

[[noreturn]] void give_up(const std::string& why);

class TrackingGround {
  public:
    TrackingGround();
    TrackingGround(const TrackingGround&) = delete;
    TrackingGround& operator=(const TrackingGround&) = delete;
    ~TrackingGround();

    const CgroupBase& base() const { return base_; }
    const std::filesystem::path& directory() const { return directory_; }
    // Killed and removed with the object.
    JobCgroup make_cgroup(const std::string& name);
    // The one of base().agent.
    JobCgroup agent_cgroup() const;

  private:
    std::string name_;
    UniqueFd top_, own_;
    std::filesystem::path directory_;
    CgroupBase base_;
    std::vector<std::string> made_;
};

// Starts body in a new process that lives in cgroup from its first instruction. Returns its pid.
pid_t spawn_in(const JobCgroup& cgroup, const std::function<int()>& body);
// For it: until it is killed.
int wait_for_signal();
// The wait(2) status.
int reap(pid_t pid);

}  // namespace xos::test

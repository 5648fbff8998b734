// Where the cgroup v2 tree is and where in it xosd may make cgroups.
//
// Owns: the base below which jobs' cgroups lie. Process: xosd, as root. Trusts: /proc/self; the tree below
// the base is xosd's own (Delegate= of systemd.unit(5), or a cgroup that was made for it).
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"
#include "libxos/unique_fd.h"

namespace xos {

// A cgroup below which others are made.
struct CgroupParent {
    int fd = -1;       // its directory; the owner's
    std::string path;  // in the v2 tree, as /proc/PID/cgroup shows it
};

// <own>/daemon holds xosd, <own>/agent the connector agent, <own>/jobs a cgroup per job, <own>/sessions one
// per login session. Restarting xosd, which ends what is in daemon, touches none of the others.
struct CgroupBase {
    UniqueFd agent;  // directory descriptors
    UniqueFd jobs;
    std::string jobs_path = {};  // in the v2 tree, as /proc/PID/cgroup shows it
    UniqueFd sessions = {};
    std::string sessions_path = {};
    std::vector<std::string> controllers =
        {};  // usable for jobs and sessions; empty on a machine whose controllers are on v1

    std::string path() const { return jobs_path.substr(0, jobs_path.rfind('/')); }  // <own>
    CgroupParent jobs_parent() const { return {jobs.get(), jobs_path}; }
    CgroupParent sessions_parent() const { return {sessions.get(), sessions_path}; }
};

// Finds the base from xosd's own cgroup, moves xosd into the leaf "daemon" if it is not there, and makes the
// others. Errc::conflict: xosd is in the root cgroup, which is not its own.
Outcome<CgroupBase> find_cgroup_base();

// A directory descriptor of the cgroup that /proc/PID/cgroup shows as path. Errc::not_found: there is none.
Outcome<UniqueFd> open_cgroup(const std::string& path);

// The same for who opens many: where the tree is mounted is looked up once.
class CgroupTop {
  public:
    static Outcome<CgroupTop> find();
    Outcome<UniqueFd> open(std::string_view path) const;

  private:
    UniqueFd directory_;
    std::string point_, root_;
};

// Whether the cgroup path is outer or below it. Neither is the root.
inline bool is_inside(std::string_view path, std::string_view outer) {
    return path.starts_with(outer) && (path.size() == outer.size() || path[outer.size()] == '/');
}

// The one line of a hybrid or unified /proc/PID/cgroup that is of the v2 tree. Errc::unavailable: there is
// none. Errc::not_found: no such process.
Outcome<std::string> read_own_cgroup();
Outcome<std::string> read_cgroup_of(pid_t pid);

struct CgroupMount {
    std::string point;  // where it is mounted
    std::string root;   // which part of the tree that shows, "/" = all
};
// The last cgroup2 mount of /proc/self/mountinfo text; pure. Errc::unavailable: there is none.
Outcome<CgroupMount> parse_cgroup_mount(std::string_view mountinfo);

}  // namespace xos

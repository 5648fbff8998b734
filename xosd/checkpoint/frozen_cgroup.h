// A cgroup held still.
//
// Owns: the frozen state of a job's cgroup v2 for the length of a dump. Process: a child of xosd, which thaws
// what the child left frozen when it was killed. Trusts: the cgroup descriptor.
#pragma once

#include <string>

#include "common/failure.h"

namespace xos {

// Frozen processes are neither half started nor half ended: CRIU cannot read those. Thawed by the destructor,
// unless somebody else had frozen it before.
class FrozenCgroup {
  public:
    static Outcome<FrozenCgroup> freeze(int cgroup_fd);
    FrozenCgroup(FrozenCgroup&& other) noexcept;
    FrozenCgroup& operator=(FrozenCgroup&&) = delete;
    FrozenCgroup(const FrozenCgroup&) = delete;
    FrozenCgroup& operator=(const FrozenCgroup&) = delete;
    ~FrozenCgroup();
    const std::string& path() const { return path_; }

  private:
    FrozenCgroup(int cgroup_fd, std::string path, bool thaw)
        : cgroup_fd_(cgroup_fd), path_(std::move(path)), thaw_(thaw) {}
    int cgroup_fd_;  // borrowed
    std::string path_;
    bool thaw_;
};

// Writes one character to the file name of the cgroup: "1" to cgroup.kill, "0" to cgroup.freeze.
Outcome<void> write_cgroup(int cgroup_fd, const char* name, char value);

}  // namespace xos

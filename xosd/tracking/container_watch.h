// What appears and vanishes in the cgroup v2 tree where containers are looked for, without a look at the
// rest.
//
// Owns: one inotify instance with a watch on each directory through which a pattern may lead, and on those
// that hold followed cgroups. Process: xosd's loop. Trusts: the kernel's events to be prompt, never to be
// complete: what is told is looked at again by who is told.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/event_loop.h"
#include "libxos/unique_fd.h"
#include "xosd/tracking/cgroup_pattern.h"
#include "xosd/tracking/cgroup_tree.h"

namespace xos {

class ContainerWatch {
  public:
    struct Listener {
        // A cgroup that matches pattern is there: a new one, or one that a look has met (again).
        std::function<void(const std::string& path, const CgroupPattern& pattern)> found;
        // A cgroup in a watched directory was removed; another of that name may be there again.
        std::function<void(const std::string& path)> removed;
        // Events were dropped: whoever relies on them looks again.
        std::function<void()> overflowed;
    };

    // top outlives the watch.
    static Outcome<std::unique_ptr<ContainerWatch>> start(EventLoop& loop, const CgroupTop& top,
                                                          Listener listener);

    // Tells of nothing by itself: look() does.
    void set_patterns(std::vector<CgroupPattern> patterns) { patterns_ = std::move(patterns); }
    // Walks where the patterns lead, watches that and tells found of all that is there.
    void look();
    // The removal of this cgroup is told until unfollow(). Errc::unavailable: no watch can be had.
    Outcome<void> follow(const std::string& path);
    void unfollow(const std::string& path);

    size_t watches() const { return directories_.size(); }

  private:
    struct Directory {
        std::string path;
        uint64_t look = 0;    // the last one that came through it; 0: no pattern leads here
        size_t followed = 0;  // cgroups in it
    };

    ContainerWatch(const CgroupTop& top, Listener listener) : top_(top), listener_(std::move(listener)) {}
    void read_events();
    void handle(int number, uint32_t mask, const std::string& name);
    Outcome<Directory*> watch(int directory, const std::string& path);
    void visit(int directory, const std::string& path, std::vector<std::string>& names);
    void consider(const std::string& parent, const std::string& name, std::vector<std::string>& names);
    void forget(const std::string& path);
    void forget_idle();

    const CgroupTop& top_;
    Listener listener_;
    UniqueFd inotify_;
    EventSource on_events_;
    std::vector<CgroupPattern> patterns_;
    std::unordered_map<int, Directory> directories_;  // by watch descriptor
    std::unordered_map<std::string, int> numbers_;    // path to watch descriptor
    uint64_t look_ = 0;
    bool short_told_ = false;  // that there are more directories than watches, since the last look
};

}  // namespace xos

#include "xosd/tracking/container_place.h"

#include <fcntl.h>

#include <initializer_list>

#include "common/tracking/filter_layout.h"
#include "libxos/unique_fd.h"
#include "xosd/tracking/cgroup_file.h"
#include "xosd/tracking/cgroup_pattern.h"
#include "xosd/tracking/cgroup_tree.h"
#include "xosd/tracking/container_name.h"

namespace xos {
namespace {

constexpr size_t kWalkMax = 65536;
constexpr size_t kFoundMax = 16;

// systemd-logind puts a session's scope into the slice of its user: org.freedesktop.login1(5)
bool is_of_login_sessions(const std::vector<std::string>& names) {
    if (names[0] != "user.slice") return false;
    return names.size() < 3 || (names[2].starts_with("session-") && names[2].ends_with(".scope"));
}

struct Walk {
    std::string_view id;
    std::string found;
    size_t count = 0, cgroups = 0;
};

Outcome<void> walk(int directory, const std::string& path, int depth, Walk& state) {
    const auto names = list_cgroups(directory, kWalkMax);
    if (!names) return {};  // removed meanwhile
    for (const std::string& name : *names) {
        if (++state.cgroups > kWalkMax)
            return failure(Errc::unavailable,
                           "there are more than {} cgroups: give the container's by --cgroup", kWalkMax);
        const std::string child_path = path + "/" + name;
        if (is_cgroup_of_container(name, state.id) && state.count < kFoundMax) {
            ++state.count;
            state.found += (state.found.empty() ? "" : "\n") + child_path;
        }
        const UniqueFd child(
            openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
        if (!child || depth == XOS_CGROUP_DEPTH_MAX) continue;
        if (auto walked = walk(child.get(), child_path, depth + 1, state); !walked) return walked;
    }
    return {};
}

}  // namespace

Outcome<void> check_container_place(std::string_view path, std::string_view base) {
    if (!is_cgroup_path(path))
        return failure(Errc::invalid,
                       "'{}' is no path of a cgroup: expected one below the root of the v2 tree, as "
                       "/proc/PID/cgroup shows it",
                       path);
    const auto names = split_cgroup_path(path);
    if (names.size() > XOS_CGROUP_DEPTH_MAX)
        return failure(Errc::invalid, "{} lies more than {} levels deep, where events are not seen", path,
                       int{XOS_CGROUP_DEPTH_MAX});
    if (is_inside(base, path))
        return failure(Errc::conflict,
                       "{} holds the node's jobs and sessions, which are tracked by themselves", path);
    for (const std::string_view own : {"/jobs", "/sessions", "/agent", "/daemon"})
        if (is_inside(path, std::string(base).append(own)))
            return failure(Errc::conflict,
                           "{} is xosd's own: its jobs and sessions are tracked by themselves", path);
    if (is_of_login_sessions(names))
        return failure(Errc::conflict, "{} is where login sessions are, which are tracked by themselves",
                       path);
    return {};
}

Outcome<std::string> find_containers(const std::string& id) {
    const auto top = open_cgroup("/");
    if (!top) return std::unexpected(top.error());
    Walk state{.id = id, .found = {}};
    if (auto walked = walk(top->get(), "", 1, state); !walked) return std::unexpected(walked.error());
    return state.found;
}

}  // namespace xos

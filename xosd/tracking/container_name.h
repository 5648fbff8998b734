// Names of tracked containers: those that their owners give them, and those of their cgroups.
//
// Owns: the grammar of names, and how runtimes name the cgroup of a container. Pure. Process: xosd.
// Trusts: nothing of a cgroup's name.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace xos {

inline constexpr size_t kContainerNameMax = 63;

// [a-z0-9][A-Za-z0-9._-]{0,62} that cannot be meant for a job or a login session.
bool is_container_name(std::string_view name);
inline constexpr std::string_view kContainerNameRule =
    "a name is [a-z0-9][A-Za-z0-9._-]*, at most 63 characters, neither a number nor job-... or session-...";

// A name from the last of a cgroup's names, beginning with names[first]: what is not allowed becomes '-', a
// long hexadecimal id is cut as podman and docker show it. taken: names that are in use.
std::string derive_container_name(const std::vector<std::string>& names, size_t first,
                                  const std::function<bool(const std::string&)>& taken);

// An ID as somebody types it: 1 to 128 printable characters without '/'.
bool is_container_id(std::string_view id);
// Whether a cgroup of this name is the one of container id, as podman, docker, containerd, systemd-machined,
// LXC and systemd name it. A hexadecimal id may be cut to 6 digits or more.
bool is_cgroup_of_container(std::string_view name, std::string_view id);

}  // namespace xos

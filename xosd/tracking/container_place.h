// Where in the cgroup v2 tree a container may be tracked, and where one of a given id is.
//
// Owns: nothing. Process: xosd; find_containers() in a child of it. Trusts: nothing of a cgroup's name.
#pragma once

#include <string>
#include <string_view>

#include "common/failure.h"

namespace xos {

// base is xosd's own cgroup, with what it makes for jobs and sessions. Errc::conflict: what is there is
// tracked by itself, or would be lost to what is tracked there. Errc::invalid: no place of a container.
Outcome<void> check_container_place(std::string_view path, std::string_view base);

// The paths of the cgroups that are container id's, a line each; empty: none. Walks the whole tree, as far as
// 65,536 cgroups.
Outcome<std::string> find_containers(const std::string& id);

}  // namespace xos

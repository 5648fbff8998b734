// One file of a cgroup, read or written whole.
//
// Owns: nothing. Process: xosd. Trusts: the kernel's files below a directory descriptor that the caller owns.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"

namespace xos {

// Errc::not_found: no such file (the controller is not enabled) or the cgroup was removed.
Outcome<std::string> read_cgroup_file(int directory, const char* name);
// The names of the cgroups right below, at most max of them.
Outcome<std::vector<std::string>> list_cgroups(int directory, size_t max = SIZE_MAX);
// kernfs: the inode number is the cgroup's id.
Outcome<uint64_t> cgroup_id(int directory);
Outcome<void> write_cgroup_file(int directory, const char* name, std::string_view value);

}  // namespace xos

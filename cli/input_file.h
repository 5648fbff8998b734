// Files that the user names on the command line. Process: the xos command. Trusts: nothing in them; sizes are
// capped.
#pragma once

#include <string>

#include "common/failure.h"
#include "libxos/unique_fd.h"

namespace xos {

// A readable file that is no directory; "-" is standard input. Close-on-exec.
Outcome<UniqueFd> open_input(const std::string& path);
// All of the file; invalid where it is longer than max.
Outcome<std::string> read_input(const std::string& path, size_t max);
Outcome<std::string> read_all(int fd, size_t max, const std::string& name);

}  // namespace xos

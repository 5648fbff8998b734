// xos top, against any xosd: what the command does, for its tests.
// Process: the xos command. Trusts: nothing of a command line.
#pragma once

#include <cstdio>
#include <string>

#include "common/failure.h"
#include "libxos/names.h"

namespace xos {

// One table of jobs, as busy as they were in the last moment.
Outcome<int> print_top(std::FILE* out, const std::string& address = kControlSocket);
// On the terminal, until a key ends it.
Outcome<int> watch_top(const std::string& address = kControlSocket);

}  // namespace xos

// xos timeline, against any xosd: what the command does, for its tests.
// Process: the xos command. Trusts: nothing of a process's name.
#pragma once

#include <string>

#include "common/failure.h"
#include "libxos/names.h"

namespace xos {

// Draws the processes of a job, ended or not, into the file at path; "-" is standard output.
Outcome<int> write_timeline(const std::string& job, const std::string& path,
                            const std::string& address = kControlSocket);

}  // namespace xos

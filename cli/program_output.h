// What a program of this machine says: run by a fixed path, without a shell, with a cap and a deadline.
//
// Owns: the child, until it has ended. Process: the xos command, with the caller's rights. Trusts: the
// program at its path, not what it says. It gets none of the caller's environment, input and descriptors.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/failure.h"

namespace xos {

struct ProgramOutput {
    int status = 0;      // exit status; 128 and the signal that ended it
    std::string output;  // standard output
    std::string errors;  // standard error
};

// Errors: not_found (no such program), timeout, too_small (more than max bytes on either): it is killed then.
Outcome<ProgramOutput> run_program(const std::vector<std::string>& words, size_t max,
                                   std::chrono::milliseconds deadline);

}  // namespace xos

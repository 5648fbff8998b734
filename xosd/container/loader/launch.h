// Starts the application as the job's user.
//
// Owns: the change of identity and what the application inherits. Process: xos-loader and its child.
// Trusts: the job file, which xosd wrote. The application has no capability and can gain none.
#pragma once

#include <sys/types.h>

#include "xosd/container/loader/streams.h"

namespace xos::loader {

struct Launch {
    pid_t pid = -1;         // the application, or -1
    int error = 0;          // errno of the step that failed; 0 where the application runs
    const char* what = "";  // what that step was about: the program, directory or output
};

// Returns when the application was executed or failed to be; a failed child has been reaped.
Launch launch(const Job& job, Stdio& stdio);
// Gives up every capability of the loader but the right to signal the job's processes. False: errno says why.
bool drop_loader_capabilities();

}  // namespace xos::loader

// The application's standard input and outputs, made inside the job so that a checkpoint can carry them.
//
// Owns: the pty or pipes; the loader's ends are non-blocking. Process: xos-loader. Trusts: devpts of the job.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "xosd/container/loader/job_file.h"

namespace xos::loader {

struct Stdio {
    JobStdio kind = JobStdio::file;
    int app[3] = {-1, -1,
                  -1};  // the application's ends; the output of kind file is opened by the application's uid
    int input = -1;     // the loader's end of standard input (the pty's master for a terminal)
    int output = -1;    // the same master, or the end of standard output
    int errors = -1;    // the end of standard error; -1 for a terminal
};

// False: errno says why.
bool make_stdio(const Job& job, Stdio& stdio);
// After the launch. A terminal's end stays open, or a moment without a reader would look like its hang-up for
// ever.
void close_app_ends(Stdio& stdio);
// Rows and columns of 0 leave the size as it is; no effect but on a terminal.
void set_window_size(const Stdio& stdio, uint16_t rows, uint16_t columns);

}  // namespace xos::loader

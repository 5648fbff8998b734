// What xosd wrote for the loader to run.
//
// Owns: the bytes of the job file and the views into it. Process: xos-loader. Trusts: nothing but its own
// bounds.
#pragma once

#include "xosd/container/loader_protocol.h"

namespace xos::loader {

struct Job {
    JobHeader header;
    const uint32_t* groups;
    const char* directory;
    const char* output;
    char** arguments;    // ends with a null pointer
    char** environment;  // ends with a null pointer
};

// Reads and removes the job file at path. The memory lives as long as the process. False: errno says why.
bool read_job(const char* path, Job& job);

}  // namespace xos::loader

// The contract between xosd and xos-loader, pid 1 of every job.
//
// Owns: where the loader's things lie inside the job, the layout of the job file and the exit record.
// Process: xosd writes the job file and reads the exit record; the loader does the opposite. No libstdc++
// here. Trusts: the directory belongs to the root of the job's user namespace, which no process of the job
// can become.
#pragma once

#include <cstddef>
#include <cstdint>

namespace xos {

inline constexpr char kLoaderDir[] = "/run/xos-loader";  // 0700, owned by the root inside
inline constexpr char kLoaderProgram[] =
    "xos-loader";                                  // a copy that travels with checkpoints: upgrades never
                                                   // change the program that a restored job has mapped
inline constexpr char kLoaderSocket[] = "socket";  // one request a connection, frames of common/job_stream.h
inline constexpr char kLoaderJob[] = "job";        // JobHeader, groups, strings; read once
inline constexpr char kLoaderExit[] = "exit";      // "status N\n" or "exec ERRNO WHAT\n", renamed into place
inline constexpr int kLoaderReadyFd = 3;           // one byte is written when the socket listens

inline constexpr uint32_t kJobMagic = 0x324a4f58;  // "XOJ2"
inline constexpr size_t kJobFileMax = 4 * 1024 * 1024;
inline constexpr uint32_t kJobGroupsMax = 256;

enum class JobStdio : uint32_t { terminal = 0, pipes = 1, file = 2 };

// Followed by group_count u32, then NUL-terminated strings: directory, output, arguments, environment.
struct JobHeader {
    uint32_t magic;
    uint32_t uid, gid;
    uint32_t stdio;
    uint32_t rows, columns;
    uint32_t grace_millis;  // for what the application leaves, between SIGTERM and the end of everything
    uint32_t group_count, argument_count, environment_count;
};

}  // namespace xos

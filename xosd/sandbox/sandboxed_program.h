// Starting a program that walls itself in.
//
// Owns: the clean start: nothing of xosd's signals, environment or descriptors but what is named. Process:
// xosd. Trusts: the program at the path that it is given; nothing that it says afterwards.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>

#include "common/failure.h"
#include "libxos/unique_fd.h"

namespace xos {

struct PassedFd {
    int ours;    // borrowed
    int theirs;  // its number in the program
};

// Runs program UID GID in a session of its own with an empty environment, standard input and output on
// /dev/null, our standard error, and fds. Answers a pidfd, close-on-exec: who owns it reaps the child.
Outcome<UniqueFd> spawn_sandboxed(const std::string& program, uid_t uid, gid_t gid,
                                  std::span<const PassedFd> fds);

// SIGKILL; one that has ended already stays as it is.
void kill_child(int pidfd);

}  // namespace xos

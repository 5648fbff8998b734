// How a sandboxed program learns from xosd whom it shall become.
//
// Owns: the command line UID GID and the check of the socket beside it. Process: xos-verifier, xos-fetch.
// Trusts: nobody: who starts the program otherwise is told its usage.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>

namespace xos {

struct SandboxUser {
    uid_t uid;
    gid_t gid;
};

// Nothing where the arguments are not UID GID, or descriptor socket is no SOCK_SEQPACKET socket.
std::optional<SandboxUser> read_sandbox_arguments(int argc, char** argv, int socket);

// text to standard error, as far as that takes it.
void complain(std::string_view text);

}  // namespace xos

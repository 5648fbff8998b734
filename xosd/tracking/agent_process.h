// The connector agent's process: starting it so that it outlives xosd, and ending it.
//
// Owns: the pidfd. Process: xosd, as root. Trusts: the program file, which only root can write.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <span>
#include <string>

#include "common/failure.h"
#include "libxos/names.h"
#include "libxos/unique_fd.h"

namespace xos {

struct AgentProgram {
    std::string path;
    uid_t uid = 0;
    gid_t gid = 0;
    int cgroup = -1;  // directory descriptor of the v2 cgroup it starts in; -1 = xosd's own
    std::string socket_directory = kRunDir;  // of its listening socket
};

// kAgentUser's ids. Errc::not_found: the package did not make that user.
Outcome<AgentProgram> default_agent_program();

class AgentProcess {
  public:
    // fds in the order of AgentFd; the program runs with them and standard error only, in a session and a
    // mount namespace of its own (agent_root.h), as program.uid without capabilities. Returns when it has
    // been executed.
    static Outcome<AgentProcess> spawn(const AgentProgram& program, std::span<const int> fds, bool filtered);
    // An agent that an earlier xosd started.
    static Outcome<AgentProcess> adopt(UniqueFd pidfd);

    int pidfd() const { return pidfd_.get(); }
    pid_t pid() const { return pid_; }
    // SIGKILL; does nothing where it has ended.
    void kill() const;
    // Waits for its end, at most timeout_ms, and reaps it where it is our child. False: it is still there.
    bool wait(int timeout_ms) const;

  private:
    UniqueFd pidfd_;
    pid_t pid_ = 0;
};

}  // namespace xos

// A real ssh-agent that belongs to one test. Process: tests only.
#pragma once

#include <signal.h>

#include <string>

#include "tests/unit/ssh/command.h"

namespace xos::test {

struct RealAgent {
    TempDir dir;
    std::string socket = dir.path / "agent";
    pid_t pid = 0;
    RealAgent() {
        const auto started = run_command({"ssh-agent", "-a", socket});
        const size_t at = started.output.find("SSH_AGENT_PID=");
        if (at != std::string::npos) pid = std::stoi(started.output.substr(at + 14));
    }
    ~RealAgent() {
        if (pid > 0) kill(pid, SIGTERM);
    }
    std::string variable() const { return "SSH_AUTH_SOCK=" + socket; }
    CommandResult ssh_add(const std::string& option) const {
        return run_command({"ssh-add", option}, {variable()});
    }
};

}  // namespace xos::test

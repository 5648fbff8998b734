// Commands on throw-away nodes, timed from where they would begin until they have ended.
//
// Owns: Machine, the namespaces and control groups of one node of scripts/node; Run, a process that waits at
// its first line. Process: a bench program that runs as root on one of the nodes; they share the kernel, its
// process ids and /sys, so that each can enter the others. Trusts: what scripts/node says of its nodes.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"
#include "libxos/unique_fd.h"

namespace xos::bench {

class Machine {
  public:
    // HOLDER,CGROUP: the pid of a process there and the node's cgroup, as "1234,/sys/fs/cgroup/xos-nodes/a".
    static Outcome<Machine> open(std::string_view where);

    // Its host name.
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] std::string cgroup(std::string_view part) const {
        return cgroup_ + "/" + std::string(part);
    }
    // In a child that is to run something there.
    [[nodiscard]] bool enter() const;

    // CPU nanoseconds of all that ever ran in the node's part: sshd, or bench, where commands run, or ".",
    // all.
    [[nodiscard]] Outcome<double> used(std::string_view part) const;
    // Waits until the node's sshd has no process but the one that listens.
    [[nodiscard]] Outcome<void> settle() const;

  private:
    std::string name_, cgroup_;
    UniqueFd mounts_, host_name_;
};

struct Command {
    const Machine* machine = nullptr;
    std::vector<std::string> arguments;  // the program by its path
    std::vector<std::string> environment;
    uid_t uid = 0;
    gid_t gid = 0;
};

// One that did not end with status 0 is a failure, with the last it said.
struct Ended {
    std::chrono::duration<double, std::nano> took{};
    std::string output;
};

// A process that is on its machine, in its part bench, as its user, and waits to become the command: what it
// takes to get there is nobody's time.
class Run {
  public:
    static Outcome<Run> prepare(const Command& command);
    Run(Run&& other) noexcept;
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    Run& operator=(Run&&) = delete;
    ~Run();

    void begin();
    Outcome<Ended> wait();

  private:
    Run() = default;
    pid_t process_ = 0;
    std::string program_;
    UniqueFd barrier_, output_, errors_;
    std::chrono::steady_clock::time_point began_;
};

Outcome<Ended> run(const Command& command);
// The CPU nanoseconds of a command and all its children.
Outcome<double> run_for_cpu(const Command& command);

}  // namespace xos::bench

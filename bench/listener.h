// Who is told of processes, as bench/tracking compares them: each with a cgroup for storms, and one that
// accounts for what listening costs.
//
// Owns: the listener's processes and cgroups; all gone with the object. Process: bench/tracking, as root in
// the initial pid, user and network namespaces. Trusts: the kernel. What cannot be done is a
// std::runtime_error.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/seen.h"
#include "tests/unit/tracking/tracking_node.h"

namespace xos::bench {

inline constexpr int kReceiveBuffer = 64 * 1024 * 1024;  // as xosd's

class Listener {
  public:
    virtual ~Listener() = default;
    virtual test::TrackingGround& ground() = 0;
    // Where storms are run.
    virtual const JobCgroup& storm() = 0;
    // All that it has seen since it began; empty: it is not there to see any. It need not go on listening.
    virtual std::optional<uint64_t> events() = 0;
};
using StartListener = std::function<std::unique_ptr<Listener>()>;

// Nobody; and what the others have in common.
class Nobody : public Listener {
  public:
    test::TrackingGround& ground() final { return ground_; }
    const JobCgroup& storm() final { return storm_; }
    std::optional<uint64_t> events() override { return {}; }

  private:
    test::TrackingGround ground_;
    JobCgroup storm_ = ground_.make_cgroup("storm");
};

// One recv(2) a message, which it counts and does not look at; every event of the machine.
class PlainListener final : public Nobody {
  public:
    PlainListener();
    ~PlainListener() override;
    std::optional<uint64_t> events() override { return seen_->events; }

  private:
    SharedSeen seen_;
    UniqueFd socket_;
};

// bench/receive_path.cc: the agent's socket with its filter, its ProcEventSource, its pauses. bound: the
// storms' cgroup is; else one in which nothing happens.
class ReceivePath final : public Nobody {
  public:
    explicit ReceivePath(bool bound = true);
    ~ReceivePath() override;
    std::optional<uint64_t> events() override { return seen_->events; }
    const Seen& seen() const { return *seen_; }

  private:
    SharedSeen seen_;
    AgentResources resources_;
};

// The agent itself, with the storms' cgroup bound and so many others.
class WholeAgent final : public Listener {
  public:
    explicit WholeAgent(size_t others = 0);
    test::TrackingGround& ground() override { return node_.ground(); }
    const JobCgroup& storm() override { return storm_; }
    std::optional<uint64_t> events() override { return node_.settled("storm").counters.received; }

  private:
    test::TrackingNode node_{kReceiveBuffer};
    JobCgroup storm_ = node_.make_job("storm");
};
// Binds so many cgroups in which nothing happens. Returns when the agent has them.
void bind_idle(test::TrackingNode& node, size_t count);

// So many sockets with the agent's filter, none of which is for the storms.
class ManySockets final : public Nobody {
  public:
    explicit ManySockets(size_t count);
    ~ManySockets() override;

  private:
    std::vector<UniqueFd> sockets_;
};

// A program of Debian that writes a line an event into a file.
class PeerProgram : public Nobody {
  public:
    // counts: how many halves of an event a line is.
    using CountHalves = uint64_t (*)(const std::string& line);
    PeerProgram(std::vector<std::string> arguments, CountHalves count);
    // Ends it: what it has seen is written then.
    std::optional<uint64_t> events() override;

  private:
    std::string read_output(const char* name) const;
    std::string name_;
    std::filesystem::path directory_ = ground().directory();
    CountHalves count_;
    pid_t pid_;
};
std::unique_ptr<Listener> start_forkstat();
std::unique_ptr<Listener> start_bpftrace();

}  // namespace xos::bench

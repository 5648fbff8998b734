// A cgroup base, an event loop and an agent of one test or measurement alone, on the real kernel.
//
// Owns: the ground and the agent, the program that XOS_AGENT in the environment names; all gone with the
// object. Process: the test's, as root. Trusts: the kernel. What cannot be done is a std::runtime_error.
#pragma once

#include <systemd/sd-event.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/tracking/event_journal.h"
#include "tests/unit/tracking/tracking_ground.h"
#include "xosd/tracking/agent_client.h"

namespace xos::test {

struct SeenEvents {
    std::map<std::string, std::vector<std::optional<int>>> main_exits;
    std::map<std::string, int> empty;
    std::vector<std::pair<std::string, Lost>> lost;
    int deaths = 0;
    uint64_t lost_messages(const std::string& job) const;
};

class TrackingNode {
  public:
    explicit TrackingNode(int receive_buffer = 16 * 1024 * 1024, bool use_filter = true);
    ~TrackingNode();

    AgentClient& client() { return *client_; }
    void drop_client() { client_.reset(); }  // as if xosd had died
    // kept: what somebody has kept of an earlier agent.
    void connect_client(std::vector<UniqueFd> kept = {});
    // Of the present agent's descriptors, in their order.
    std::vector<UniqueFd> keep() const;
    TrackingGround& ground() { return ground_; }
    const CgroupBase& base() const { return ground_.base(); }
    sd_event* event() const { return event_; }
    SeenEvents& seen() { return seen_; }
    bool hold_back = false;  // connect_client() leaves ready() to the test

    JobCgroup make_job(const std::string& name, bool bind = true);
    UniqueFd open_journal(const std::string& job) const;
    std::vector<EventRecord> events(const std::string& job) const;
    // Runs the loop until done, at most ten seconds. False: it did not come about.
    bool run_until(const std::function<bool()>& done);
    void run_for(std::chrono::milliseconds time);
    JobSnapshot snapshot(const std::string& job);
    // Snapshots until nothing is in flight: what passed equals received plus lost.
    JobSnapshot settled(const std::string& job);

  private:
    TrackingGround ground_;
    sd_event* event_ = nullptr;
    int receive_buffer_;
    bool use_filter_;
    SeenEvents seen_;
    std::vector<int> latest_;  // that the client said are to be kept
    std::unique_ptr<AgentClient> client_;
};

// count children one after the other, each of which executes /bin/true.
int run_storm(int count);
// Open descriptors of a process.
size_t count_descriptors(pid_t pid);

}  // namespace xos::test

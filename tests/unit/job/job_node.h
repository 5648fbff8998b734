// A node for jobs of one member: cgroups, layers, homes, the connector agent, all of it gone with the object.
// Process: tests only, as root.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <memory>
#include <optional>

#include "tests/unit/trust/node_state.h"
#include "xosd/job/job_service.h"

namespace xos::test {

// Skips the running test with the reason where this cannot be had, or fails it where XOS_TESTS_MUST_RUN=1.
void require_job_node();

class JobNode : public NodeState {
  public:
    JobNode();
    ~JobNode();
    JobNode(const JobNode&) = delete;
    JobNode& operator=(const JobNode&) = delete;

    void start_service();  // a new one, as after a crash or an upgrade
    JobService& jobs() { return *service_; }
    // Runs the loop until done, at most 30 seconds. False: it did not come about.
    bool run_until(const std::function<bool()>& done);

    static Json request(const std::string& script);
    // Answered, by running the loop.
    Outcome<Job> run(const std::string& script);
    Outcome<Job> wait(uint64_t id);
    Outcome<Job> cancel(uint64_t id, bool now = false);
    Outcome<Job> restart(uint64_t id);
    Outcome<uint64_t> checkpoint(uint64_t id, bool stop);
    Job record(uint64_t id) const { return *service_->find(0, id); }

    // A dump of the tests' driver waits until this is called.
    void open_gate() const;
    void close_gate() const;
    bool is_populated(uint64_t id) const;

    const uint32_t uid = kUidMin + 1;
    std::chrono::milliseconds grace{1000};  // of the services that are started from then on
    std::filesystem::path base;
    SampleVo physics = make_live_vo();
    std::unique_ptr<SessionStore> sessions;
    uint64_t session = 0;

  private:
    JobPlaces make_places();
    void make_cgroups();
    void remove_cgroups();

    std::string cgroup_name_;
    std::unique_ptr<JobService> service_;
};

}  // namespace xos::test

// What the node's owner wants of sessions: section "sessions" of xos-node.yaml(5).
#pragma once

#include <chrono>

namespace xos {

// What becomes of a session whose credential has ended, where nothing renewed it.
enum class AtExpiry : uint8_t {
    keep,       // it goes on, and may start jobs
    stop_jobs,  // it goes on, and starts no new job
    end,
};

// What becomes of processes that a session leaves behind.
enum class Leftovers : uint8_t { keep, warn, end };

struct SessionConfig {
    AtExpiry at_expiry = AtExpiry::stop_jobs;
    std::chrono::seconds warn{600};  // before the credential ends; 0: not at all
    Leftovers leftovers = Leftovers::keep;
};

}  // namespace xos

// Asking this node's xosd, over varlink.
//
// Owns: one connection for one call, which may have many answers. Process: the xos command. Trusts: the
// root-owned socket's daemon.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "common/failure.h"
#include "common/json.h"
#include "libxos/names.h"
#include "libxos/unique_fd.h"

namespace xos {

inline constexpr std::chrono::seconds kCallDeadline{30};

// For calls that answer when something has happened: the end of a job, a checkpoint.
inline constexpr std::chrono::hours kWaitDeadline{24 * 365};

struct ControlAnswer {
    Json parameters;  // an object
    UniqueFd fd;      // where the method passes one
};

// The answer to method ("org.xtreemos.Job.ListJobs"). A varlink error becomes its message for people.
// unavailable where no xosd answers at address.
Outcome<ControlAnswer> ask_node(const std::string& method, const Json& parameters,
                                std::chrono::microseconds deadline = kCallDeadline,
                                const std::string& address = kControlSocket);

// The same for a method that is passed a descriptor.
Outcome<Json> call_node_with(const std::string& method, const Json& parameters, UniqueFd fd,
                             std::chrono::microseconds deadline = kCallDeadline,
                             const std::string& address = kControlSocket);

// The same for methods that pass no descriptor.
Outcome<Json> call_node(const std::string& method, const Json& parameters,
                        std::chrono::microseconds deadline = kCallDeadline,
                        const std::string& address = kControlSocket);

// A method that answers more than once ("org.xtreemos.Job.Subscribe"): on_reply gets each answer while it
// arrives, the last one too. Ends with the first failure, its own included. patience: the longest silence
// before an answer.
using OnReply = std::function<Outcome<void>(const Json& parameters)>;
Outcome<void> observe_node(const std::string& method, const Json& parameters, const OnReply& on_reply,
                           std::chrono::microseconds patience = kCallDeadline,
                           const std::string& address = kControlSocket);

}  // namespace xos

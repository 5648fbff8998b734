// Asking this node's xosd, over varlink.
//
// Owns: one connection for one call. Process: the xos command. Trusts: the root-owned socket's daemon.
#pragma once

#include <chrono>
#include <string>

#include "common/failure.h"
#include "common/json.h"
#include "libxos/names.h"

namespace xos {

inline constexpr std::chrono::seconds kCallDeadline{30};

// The answer to method ("org.xtreemos.node.ListJobs"), an object. A varlink error becomes its message for
// people, and the code that the last part of its name says (NotFound, Denied, ...). unavailable where no xosd
// answers at address.
Outcome<Json> call_node(const std::string& method, const Json& parameters,
                        std::chrono::microseconds deadline = kCallDeadline,
                        const std::string& address = kControlSocket);

}  // namespace xos

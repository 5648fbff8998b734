// xos login LOGIN --proxy FILE: a VOMS proxy into the ssh agent.
//
// Owns: reading the file that voms-proxy-init(1) writes, and the SSH certificate around its chain.
// Process: the xos command at the user's desk. Trusts: a file of the caller that nobody else may read.
#pragma once

#include <string>

#include "common/failure.h"

namespace xos {

// Denied where file is not the caller's alone, the key is another one than the proxy's, or the proxy has
// expired; whether a node believes it is for the node to say.
Outcome<int> log_in_by_proxy(const std::string& login, const std::string& file);

}  // namespace xos

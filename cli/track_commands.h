// What xos ps shows of a tracked container. Process: the xos command. Trusts: the root-owned socket's daemon.
#pragma once

#include <string>

#include "common/failure.h"

namespace xos {

// Prints the container's processes as a tree.
Outcome<void> show_container(const std::string& name);

}  // namespace xos

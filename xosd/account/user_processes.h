// Which processes a uid has on this machine.
//
// Owns: reading /proc. Process: children of xosd: a machine may have many processes. Trusts: the kernel.
#pragma once

#include <cstdint>
#include <string>

#include "common/failure.h"

namespace xos {

// The first few processes whose real, effective, saved or file-system uid it is: "1234 (bash), 1240 (sleep)";
// empty: there is none.
Outcome<std::string> find_processes(uint32_t uid, const std::string& proc = "/proc");

}  // namespace xos

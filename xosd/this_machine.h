// The machine that xosd runs on: its name, processors and memory.
//
// Owns: the questions to the kernel. Process: xosd. Trusts: the kernel; the host name only where it is one.
#pragma once

#include <cstdint>
#include <string>

namespace xos {

// The host name in lower case; empty where it is no is_host_name(), so that no policy can name this node.
std::string read_host_name();
uint32_t count_cpus();    // online; 0 where the kernel does not tell
uint64_t count_memory();  // MiB of RAM; 0 where the kernel does not tell

}  // namespace xos

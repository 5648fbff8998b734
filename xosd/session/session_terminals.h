// A line of text on the terminals of a session, as write(1) puts it there.
//
// Owns: nothing. Process: xosd, as root. Trusts: the kernel's word on a process's terminal; the terminal only
// where it is the user's own, so that nobody gets another one's message. Never waits: who has stopped the
// output of a terminal misses the line.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace xos {

// text without control characters. Answers how many terminals took it.
size_t write_to_terminals(std::span<const pid_t> processes, uint32_t uid, std::string_view text);

}  // namespace xos

// The wall clock, as every record and credential counts it: whole seconds of UTC.
//
// Process: programs only; pure functions are handed a time instead. Trusts: the machine's clock.
#pragma once

#include <chrono>

namespace xos {

inline std::chrono::sys_seconds current_time() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace xos

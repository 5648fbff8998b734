// Times as people read them. Process: programs only.
#pragma once

#include <chrono>
#include <string>

namespace xos {

// "2026-11-05 12:00:00 UTC"
inline std::string format_time(std::chrono::sys_seconds time) {
    return compose("{:%F %T} UTC", time);
}

}  // namespace xos

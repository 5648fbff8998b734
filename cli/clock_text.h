// A moment in the reader's own time zone. Process: the xos command. Trusts: nothing.
#pragma once

#include <cstdint>
#include <string>

namespace xos {

// seconds since the epoch as "2026-11-28 18:00:47"; "-" where it is 0.
std::string clock_text(uint64_t seconds);

}  // namespace xos

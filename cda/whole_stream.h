// All of a descriptor, in or out: how files of the caller reach the authority.
//
// Owns: nothing. Process: xos-cda. Trusts: nothing; what is read is capped.
#pragma once

#include <string>
#include <string_view>

#include "common/failure.h"

namespace xos {

// All of file descriptor fd, at most max bytes.
Outcome<std::string> read_all(int fd, size_t max);
// Writes all of text.
Outcome<void> write_all(int fd, std::string_view text);

}  // namespace xos

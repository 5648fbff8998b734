// A passphrase from the person at the terminal, into memory that another program can read.
//
// Owns: the terminal's echo while it asks; it is on again whatever happens. Process: the xos command.
// Trusts: /dev/tty to be the caller's. The passphrase is never in an argument, an environment or a file.
#pragma once

#include "common/failure.h"
#include "libxos/unique_fd.h"

namespace xos {

inline constexpr size_t kPassphraseMax = 1024;  // bytes

// Asks at /dev/tty, twice for a new one; the answer can be read from the descriptor. not_found where there is
// no terminal: the caller should name a file with it.
Outcome<UniqueFd> ask_passphrase(bool twice);

}  // namespace xos

// Files that xos writes: whole or not at all. Process: the xos command. Trusts: the directories its caller
// names.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "common/failure.h"

namespace xos {

// Puts bytes into directory/name under another name, synced, and renames it: whoever reads sees the old file
// or the new one. A failure leaves the old one and nothing else. name has no slash.
Outcome<void> replace_file(int directory, const std::string& name, std::string_view bytes, mode_t mode);

// The same for a path that the user gives, mode 0666 less the umask; "-" is standard output. A device, pipe
// or socket is written to as it is.
Outcome<void> write_output(const std::string& path, std::string_view bytes);

}  // namespace xos

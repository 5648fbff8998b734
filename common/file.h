// Whole small files: read with a cap, written so that a reader sees the old or the new one, never a part.
//
// Owns: nothing lasting. Process: programs only. Trusts: the caller's path; not for paths that a user chose.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "common/failure.h"

namespace xos {

// A larger file is Errc::invalid, an absent one Errc::not_found.
Outcome<std::string> read_file(const std::string& path, size_t max);

// Writes path.new, syncs it, renames it over path and syncs the directory: one writer at a time. On failure
// path is as it was and the temporary file is gone.
Outcome<void> write_file_atomically(const std::string& path, std::string_view text, mode_t mode);

}  // namespace xos

// The audit log's file: whole lines at its end, and one older copy once it is full.
//
// Owns: PATH and PATH.1. Process: xosd. Trusts: the directory, once it is seen to be this user's alone. The
// file is opened anew for each line, so it may be moved or removed at any time. Nothing in here waits: not
// for a lock, and not for a file that is no file.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "common/failure.h"
#include "libxos/unique_fd.h"

namespace xos {

class AuditFile {
  public:
    // The directory of path is made where it is missing; the one above is there.
    AuditFile(const std::string& path, uint64_t max_bytes);

    // line ends in its newline. It is written whole, or on failure not at all.
    Outcome<void> append(std::string_view line) const;

  private:
    Outcome<UniqueFd> open_directory() const;
    Outcome<UniqueFd> open_file(int directory) const;
    Outcome<UniqueFd> make_file(int directory) const;
    Outcome<void> turn_over(int directory, int file, uint64_t size) const;

    std::string directory_, name_;
    uint64_t max_bytes_;
    gid_t group_;
};

}  // namespace xos

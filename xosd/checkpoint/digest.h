// Digests of the files of a generation, and their way to the disk.
//
// Owns: SHA-256 over files. Process: children of xosd. Trusts: nothing; symlinks are refused.
#pragma once

#include <string>

#include "common/failure.h"
#include "xosd/checkpoint/manifest.h"

namespace xos {

std::string digest_text(const std::string& text);
// Size and digest of a regular file at path below dir.
Outcome<StoredFile> digest_file(int dir, const std::string& path);
// Syncs a file or directory at path.
Outcome<void> sync_path(const std::string& path);
// Syncs everything on the file system that holds path, by one syncfs(2).
Outcome<void> sync_file_system(const std::string& path);

}  // namespace xos

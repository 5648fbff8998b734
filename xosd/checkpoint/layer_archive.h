// The job's private directories as one file.
//
// Owns: packing and unpacking of LAYER/upper by tar(1), with owners, modes, times, extended attributes and
// device nodes. Process: children of xosd. Trusts: an archive whose digest was checked; tar never follows its
// symlinks.
#pragma once

#include <string>

#include "common/failure.h"

namespace xos {

// log: a file that takes what tar says. Sockets are left out: CRIU makes those that are in use.
Outcome<void> pack_layer(const std::string& layer, const std::string& archive, const std::string& log);
Outcome<void> unpack_layer(const std::string& archive, const std::string& layer, const std::string& log);

}  // namespace xos

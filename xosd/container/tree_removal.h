// The removal of a directory that a stranger has filled: a home, the layer of a job.
//
// Owns: nothing lasting. Process: children of xosd, with a deadline. Trusts: the directory above the tree,
// which only root writes; nothing below: no symlink is followed, no mount is crossed, no depth is too deep
// and no name too long, for at most three directories are open at once. A removal that was interrupted goes
// on where it is called again.
#pragma once

#include <string>

#include "common/failure.h"

namespace xos {

// Removes the directory name in the directory parent; path is what messages call it. An absent one is
// success. Errc::conflict: something in it cannot be removed (a mount, an immutable file), named with what to
// do; all the rest is gone then.
Outcome<void> remove_directory(int parent, const std::string& name, const std::string& path);

}  // namespace xos

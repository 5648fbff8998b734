// The removal of a home whose member is gone.
//
// Owns: the way of HOME_ROOT/VO/USER out of the world: first aside, in one rename, so that whoever comes back
// under that name meanwhile gets a new one; then piece by piece. Process: a child of xosd, with a deadline.
// Trusts: HOME_ROOT and the VO's directory in it, where they are root's; nothing in the home.
#pragma once

#include <cstdint>
#include <string>

#include "common/failure.h"

namespace xos {

// Whether there is a home of uid at path, or what an interrupted removal left of it. Errc::conflict: the
// directories above are not as make_home() leaves them.
Outcome<bool> has_home(const std::string& path, uint32_t uid);

// Removes it; false: there was none, or what is at path is not uid's, and stays. Errc::conflict: something in
// it cannot be removed, named with what to do. Done again, it goes on where it ended.
Outcome<bool> remove_home(const std::string& path, uint32_t uid);

}  // namespace xos

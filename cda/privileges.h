// Leaving root behind. Process: xos-cda, before it opens anything. Trusts: the local user database.
#pragma once

#include "common/failure.h"

namespace xos {

// Becomes user with its primary group and no others, for good; gains nothing at execve(2), leaves no core
// file. Errc::not_found: there is no such user.
Outcome<void> become_user(const char* user);

}  // namespace xos

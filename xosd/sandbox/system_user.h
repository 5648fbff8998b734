// The users that the packages make for xosd's own programs.
//
// Owns: nothing. Process: xosd. Trusts: the machine's users, as root keeps them.
#pragma once

#include <sys/types.h>

#include "common/failure.h"

namespace xos {

struct SystemUser {
    uid_t uid;
    gid_t gid;
};

// Errc::not_found where the package's user is missing.
Outcome<SystemUser> find_system_user(const char* name);

}  // namespace xos

// Giving up rights, piece by piece: what xosd's sandboxed programs put their walls together from.
//
// Owns: nothing. Process: xos-verifier, xos-fetch, before they read what strangers sent. Trusts: its caller
// to keep the order: what needs root first. A failure leaves the process half walled in: exit.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <span>

#include "common/failure.h"

namespace xos {

// No program that this one could execute gains a capability any more. Needs root.
Outcome<void> drop_bounding_set();
// uid and gid in all their forms, no other groups. Needs root.
Outcome<void> become(uid_t uid, gid_t gid);
// No capability, no new privileges (execve(2)), no core file, no ptrace(2) by the same uid.
Outcome<void> drop_privileges();

struct ResourceLimit {
    __rlimit_resource resource;
    rlim_t value;
    const char* name;  // for the message
};
// Both limits of each, see setrlimit(2).
Outcome<void> limit_resources(std::span<const ResourceLimit> limits);

}  // namespace xos

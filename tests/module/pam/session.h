// What a test grants, and how it looks at the session that comes of it.
#pragma once

#include <keyutils.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "stand_in.h"

inline constexpr uint64_t kSession = 0x1122334455667788;

struct Grant {
    std::string chain;
    int64_t expires = 0;
    std::string user = "user1";
    uint64_t memory = 0, processes = 0;
    xos::Verdict noted = xos::Verdict::permit;  // the answer to NoteKeys
};

// A chain as long as one with a proxy in it, good for an hour.
Grant credential();
// Permits every account, session and close, and who authenticates with the chain of grant.
StandIn::Handler grants(const Grant& grant);

key_serial_t session_keyring();  // of the calling process
std::vector<key_serial_t> keys_of_session();
std::string describe(key_serial_t key);     // "type;uid;gid;perm;description", "" where it may not be seen
std::string session_keyring_of(uid_t uid);  // how one that pam_xos made is described
std::string read_key(key_serial_t key);     // "" where it may not be read
int wait_for_exit(pid_t pid);               // the exit status; -1: died otherwise

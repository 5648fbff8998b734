// A member's home directory on this node.
//
// Owns: the making of HOME_ROOT/VO/USER. Process: a child of xosd (it does disk I/O).
// Trusts: names that passed login_name.h. Everything below the home belongs to its user and is never
// followed.
#pragma once

#include <cstdint>
#include <string>

#include "common/failure.h"

namespace xos {

struct Home {
    std::string root;  // HOME_ROOT of the node's configuration; made 0755 root where absent
    std::string vo;
    std::string user;
    uint32_t uid = 0;
    uint32_t gid = 0;
};

inline std::string home_path(const Home& home) {
    return home.root + "/" + home.vo + "/" + home.user;
}

// Makes the home (0700, filled from /etc/skel) where it is absent: built under a temporary name and renamed,
// so that a half-made one is never seen. A directory that is there but not the user's is Errc::conflict,
// never taken over.
Outcome<void> make_home(const Home& home);

// Whether make_home() would find nothing to do. A few look-ups and no I/O beyond them: for the daemon's loop
// where root lies on a local disk, for else they may wait for a server.
bool is_home_made(const Home& home);
// Whether path lies on a file system of this machine's own disks or memory.
bool is_on_local_disk(const std::string& path);

}  // namespace xos

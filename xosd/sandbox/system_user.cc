#include "xosd/sandbox/system_user.h"

#include <pwd.h>

#include <vector>

namespace xos {

Outcome<SystemUser> find_system_user(const char* name) {
    std::vector<char> buffer(16 * 1024);
    passwd entry{};
    passwd* found = nullptr;
    const int error = getpwnam_r(name, &entry, buffer.data(), buffer.size(), &found);
    if (error != 0) return failure_errno(error, "cannot look the user {} up", name);
    if (found == nullptr)
        return failure(Errc::not_found, "there is no user {}: reinstall the package xosd", name);
    return SystemUser{found->pw_uid, found->pw_gid};
}

}  // namespace xos

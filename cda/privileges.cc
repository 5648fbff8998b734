#include "cda/privileges.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <vector>

namespace xos {
namespace {

struct Ids {
    uid_t uid;
    gid_t gid;
};

Outcome<Ids> find_user(const char* user) {
    std::vector<char> buffer(16384);
    passwd entry{};
    passwd* found = nullptr;
    const int error = getpwnam_r(user, &entry, buffer.data(), buffer.size(), &found);
    if (error != 0) return failure_errno(error, "cannot look up the user {}", user);
    if (found == nullptr || entry.pw_uid == 0)
        return failure(Errc::not_found, "there is no user {}: install the package xos-cda", user);
    return Ids{entry.pw_uid, entry.pw_gid};
}

}  // namespace

Outcome<void> become_user(const char* user) {
    const auto ids = find_user(user);
    if (!ids) return std::unexpected(ids.error());
    const auto [uid, gid] = *ids;
    if (setgroups(0, nullptr) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return failure_errno(errno, "cannot become the user {}", user);
    if (setuid(0) == 0 || geteuid() != uid || getegid() != gid)
        return failure(Errc::denied, "could not leave root for the user {}", user);
    // keys are in memory from here on
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return failure_errno(errno, "cannot restrict this process");
    return {};
}

}  // namespace xos

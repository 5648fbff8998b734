#include "xosd/sandbox/rights.h"

#include <grp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <memory>

namespace xos {

Outcome<void> drop_bounding_set() {
    for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; ++cap)
        if (cap_drop_bound(cap) != 0) return failure_errno(errno, "cannot drop capability {}", cap);
    return {};
}

Outcome<void> become(uid_t uid, gid_t gid) {
    if (setgroups(0, nullptr) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return failure_errno(errno, "cannot become uid {} gid {}", uid, gid);
    return {};
}

Outcome<void> drop_privileges() {
    const std::unique_ptr<_cap_struct, int (*)(void*)> none(cap_init(), cap_free);
    if (!none || cap_set_proc(none.get()) != 0 || cap_reset_ambient() != 0)
        return failure_errno(errno, "cannot drop the capabilities");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return failure_errno(errno, "cannot forbid new privileges");
    return {};
}

Outcome<void> limit_resources(std::span<const ResourceLimit> limits) {
    for (const ResourceLimit& limit : limits) {
        const rlimit both{limit.value, limit.value};
        if (setrlimit(limit.resource, &both) != 0) return failure_errno(errno, "cannot limit {}", limit.name);
    }
    return {};
}

}  // namespace xos

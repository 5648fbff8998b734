// The entry points of libnss_xos.so.2, as glibc's name service switch calls them (nsswitch.conf(5)).
//
// Owns: the enumeration cursors of each thread, nothing else. Process: every one on the machine that looks up
// a name, setuid ones too: libc only, no environment, no descriptor, thread or lock kept, errno left alone.
// Trusts: nothing.
#include <nss.h>

#include "nss_xos/entries.h"
#include "nss_xos/nss_answer.h"

#define XOS_ENTRY_POINT extern "C" __attribute__((visibility("default"))) nss_status

// The declarations keep the signatures honest; glibc has them in no public header.
XOS_ENTRY_POINT _nss_xos_getpwnam_r(const char* name, passwd* entry, char* buffer, size_t buflen,
                                    int* errnop);
XOS_ENTRY_POINT _nss_xos_getpwuid_r(uid_t uid, passwd* entry, char* buffer, size_t buflen, int* errnop);
XOS_ENTRY_POINT _nss_xos_setpwent(int stayopen);
XOS_ENTRY_POINT _nss_xos_endpwent();
XOS_ENTRY_POINT _nss_xos_getpwent_r(passwd* entry, char* buffer, size_t buflen, int* errnop);
XOS_ENTRY_POINT _nss_xos_getgrnam_r(const char* name, group* entry, char* buffer, size_t buflen, int* errnop);
XOS_ENTRY_POINT _nss_xos_getgrgid_r(gid_t gid, group* entry, char* buffer, size_t buflen, int* errnop);
XOS_ENTRY_POINT _nss_xos_setgrent(int stayopen);
XOS_ENTRY_POINT _nss_xos_endgrent();
XOS_ENTRY_POINT _nss_xos_getgrent_r(group* entry, char* buffer, size_t buflen, int* errnop);
XOS_ENTRY_POINT _nss_xos_initgroups_dyn(const char* user, gid_t group, long* start, long* size,
                                        gid_t** groups, long limit, int* errnop);

namespace {

// One per thread: whoever lists accounts is not disturbed by look-ups or by another thread's listing.
thread_local constinit xos::AccountsCursor t_passwd_cursor;
thread_local constinit xos::AccountsCursor t_group_cursor;

nss_status answer(int* errnop, auto look_up) {
    const xos::Result<void> result = look_up();
    return result ? NSS_STATUS_SUCCESS : xos::answer_error(result.error(), errnop);
}

}  // namespace

nss_status _nss_xos_getpwnam_r(const char* name, passwd* entry, char* buffer, size_t buflen, int* errnop) {
    return answer(errnop, [&] { return xos::get_passwd(name, entry, buffer, buflen); });
}

nss_status _nss_xos_getpwuid_r(uid_t uid, passwd* entry, char* buffer, size_t buflen, int* errnop) {
    return answer(errnop, [&] { return xos::get_passwd(uid, entry, buffer, buflen); });
}

nss_status _nss_xos_setpwent(int) {
    t_passwd_cursor = {};
    return NSS_STATUS_SUCCESS;
}

nss_status _nss_xos_endpwent() {
    t_passwd_cursor = {};
    return NSS_STATUS_SUCCESS;
}

nss_status _nss_xos_getpwent_r(passwd* entry, char* buffer, size_t buflen, int* errnop) {
    return answer(errnop, [&] { return xos::get_next_passwd(t_passwd_cursor, entry, buffer, buflen); });
}

nss_status _nss_xos_getgrnam_r(const char* name, group* entry, char* buffer, size_t buflen, int* errnop) {
    return answer(errnop, [&] { return xos::get_group(name, entry, buffer, buflen); });
}

nss_status _nss_xos_getgrgid_r(gid_t gid, group* entry, char* buffer, size_t buflen, int* errnop) {
    return answer(errnop, [&] { return xos::get_group(gid, entry, buffer, buflen); });
}

nss_status _nss_xos_setgrent(int) {
    t_group_cursor = {};
    return NSS_STATUS_SUCCESS;
}

nss_status _nss_xos_endgrent() {
    t_group_cursor = {};
    return NSS_STATUS_SUCCESS;
}

nss_status _nss_xos_getgrent_r(group* entry, char* buffer, size_t buflen, int* errnop) {
    return answer(errnop, [&] { return xos::get_next_group(t_group_cursor, entry, buffer, buflen); });
}

nss_status _nss_xos_initgroups_dyn(const char* user, gid_t group, long* start, long* size, gid_t** groups,
                                   long limit, int* errnop) {
    return answer(errnop, [&] { return xos::append_groups(user, group, start, size, groups, limit); });
}

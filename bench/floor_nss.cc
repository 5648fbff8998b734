// libnss_xosfloor.so.2: the yardstick (bench/floor.h) as a module of glibc's name service switch, so that it
// can be called the way nss_xos is called, through glibc too, and be the backend of SSSD's proxy provider.
// Not safe against anything, and its file may be replaced only while nobody looks up.
#include <fcntl.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "bench/floor.h"

#define FLOOR_ENTRY_POINT extern "C" __attribute__((visibility("default"))) nss_status

FLOOR_ENTRY_POINT _nss_xosfloor_getpwnam_r(const char*, passwd*, char*, size_t, int*);
FLOOR_ENTRY_POINT _nss_xosfloor_getpwuid_r(uid_t, passwd*, char*, size_t, int*);
FLOOR_ENTRY_POINT _nss_xosfloor_setpwent(int);
FLOOR_ENTRY_POINT _nss_xosfloor_endpwent();
FLOOR_ENTRY_POINT _nss_xosfloor_getpwent_r(passwd*, char*, size_t, int*);
FLOOR_ENTRY_POINT _nss_xosfloor_getgrnam_r(const char*, group*, char*, size_t, int*);
FLOOR_ENTRY_POINT _nss_xosfloor_getgrgid_r(gid_t, group*, char*, size_t, int*);
FLOOR_ENTRY_POINT _nss_xosfloor_setgrent(int);
FLOOR_ENTRY_POINT _nss_xosfloor_endgrent();
FLOOR_ENTRY_POINT _nss_xosfloor_getgrent_r(group*, char*, size_t, int*);
FLOOR_ENTRY_POINT _nss_xosfloor_initgroups_dyn(const char*, gid_t, long*, long*, gid_t**, long, int*);

namespace {

using namespace xos::bench::floor;

const char* g_file = nullptr;
thread_local constinit uint64_t t_user = 0, t_group = 0;  // the next record of an enumeration

const Header& header(const char* file) {
    return *reinterpret_cast<const Header*>(file);
}

const char* map_file() {
    const int fd = open(kFile, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return nullptr;
    struct stat st{};
    void* data = fstat(fd, &st) == 0
                     ? mmap(nullptr, static_cast<size_t>(st.st_size), PROT_READ, MAP_SHARED, fd, 0)
                     : MAP_FAILED;
    close(fd);
    if (data == MAP_FAILED) return nullptr;
    // The one before stays mapped: another thread may be in it, and a bench has few.
    __atomic_store_n(&g_file, static_cast<const char*>(data), __ATOMIC_RELEASE);
    return static_cast<const char*>(data);
}

inline const char* current_file() {
    const char* file = __atomic_load_n(&g_file, __ATOMIC_ACQUIRE);
    if (file != nullptr && __atomic_load_n(&header(file).retired, __ATOMIC_ACQUIRE) == 0) [[likely]]
        return file;
    return map_file();
}

nss_status fail(int* errnop, int error, nss_status status) {
    *errnop = error;
    return status;
}

nss_status pack(const User* user, passwd* entry, char* buffer, size_t size, int* errnop) {
    if (user == nullptr) return fail(errnop, ENOENT, NSS_STATUS_NOTFOUND);
    if (user->text_size > size) return fail(errnop, ERANGE, NSS_STATUS_TRYAGAIN);
    memcpy(buffer, user->text(), user->text_size);
    entry->pw_name = buffer;
    entry->pw_gecos = buffer + user->gecos;
    entry->pw_dir = buffer + user->home;
    entry->pw_shell = buffer + user->shell;
    entry->pw_passwd = buffer + user->password;
    entry->pw_uid = user->uid;
    entry->pw_gid = user->gid;
    return NSS_STATUS_SUCCESS;
}

nss_status pack(const Group* found, group* entry, char* buffer, size_t size, int* errnop) {
    if (found == nullptr) return fail(errnop, ENOENT, NSS_STATUS_NOTFOUND);
    const size_t skip = -reinterpret_cast<uintptr_t>(buffer) % alignof(char*);
    const size_t pointers = (size_t{found->member_count} + 1) * sizeof(char*);
    if (skip + pointers + found->text_size > size) return fail(errnop, ERANGE, NSS_STATUS_TRYAGAIN);
    entry->gr_mem = reinterpret_cast<char**>(buffer + skip);
    char* text = buffer + skip + pointers;
    memcpy(text, found->text(), found->text_size);
    for (uint32_t i = 0; i < found->member_count; ++i) entry->gr_mem[i] = text + found->members()[i];
    entry->gr_mem[found->member_count] = nullptr;
    entry->gr_name = text;
    entry->gr_passwd = text + found->password;
    entry->gr_gid = found->gid;
    return NSS_STATUS_SUCCESS;
}

template <typename Record>
nss_status step(uint64_t& at, const Span& span, const char* file, auto* entry, char* buffer, size_t size,
                int* errnop) {
    if (at == 0) at = span.from;
    if (at >= span.to) return fail(errnop, ENOENT, NSS_STATUS_NOTFOUND);
    const auto* record = reinterpret_cast<const Record*>(file + at);
    const nss_status status = pack(record, entry, buffer, size, errnop);
    if (status == NSS_STATUS_SUCCESS) at += record->size;
    return status;
}

// look_up(file) where there is a file
nss_status in_file(int* errnop, auto look_up) {
    const char* file = current_file();
    return file != nullptr ? look_up(file) : fail(errnop, EIO, NSS_STATUS_UNAVAIL);
}

}  // namespace

nss_status _nss_xosfloor_getpwnam_r(const char* name, passwd* entry, char* buffer, size_t size, int* errnop) {
    return in_file(errnop, [&](const char* file) {
        return pack(find<User>(file, header(file).users_by_name, name, strlen(name)), entry, buffer, size,
                    errnop);
    });
}

nss_status _nss_xosfloor_getpwuid_r(uid_t uid, passwd* entry, char* buffer, size_t size, int* errnop) {
    return in_file(errnop, [&](const char* file) {
        return pack(find<User>(file, header(file).users_by_uid, hash(uid),
                               [uid](const User& user) { return user.uid == uid; }),
                    entry, buffer, size, errnop);
    });
}

nss_status _nss_xosfloor_setpwent(int) {
    t_user = 0;
    return NSS_STATUS_SUCCESS;
}

nss_status _nss_xosfloor_endpwent() {
    return _nss_xosfloor_setpwent(0);
}

nss_status _nss_xosfloor_getpwent_r(passwd* entry, char* buffer, size_t size, int* errnop) {
    return in_file(errnop, [&](const char* file) {
        return step<User>(t_user, header(file).users, file, entry, buffer, size, errnop);
    });
}

nss_status _nss_xosfloor_getgrnam_r(const char* name, group* entry, char* buffer, size_t size, int* errnop) {
    return in_file(errnop, [&](const char* file) {
        return pack(find<Group>(file, header(file).groups_by_name, name, strlen(name)), entry, buffer, size,
                    errnop);
    });
}

nss_status _nss_xosfloor_getgrgid_r(gid_t gid, group* entry, char* buffer, size_t size, int* errnop) {
    return in_file(errnop, [&](const char* file) {
        return pack(find<Group>(file, header(file).groups_by_gid, hash(gid),
                                [gid](const Group& found) { return found.gid == gid; }),
                    entry, buffer, size, errnop);
    });
}

nss_status _nss_xosfloor_setgrent(int) {
    t_group = 0;
    return NSS_STATUS_SUCCESS;
}

nss_status _nss_xosfloor_endgrent() {
    return _nss_xosfloor_setgrent(0);
}

nss_status _nss_xosfloor_getgrent_r(group* entry, char* buffer, size_t size, int* errnop) {
    return in_file(errnop, [&](const char* file) {
        return step<Group>(t_group, header(file).groups, file, entry, buffer, size, errnop);
    });
}

nss_status _nss_xosfloor_initgroups_dyn(const char* name, gid_t skip, long* used, long* size, gid_t** groups,
                                        long, int* errnop) {
    return in_file(errnop, [&](const char* file) {
        const User* user = find<User>(file, header(file).users_by_name, name, strlen(name));
        if (user == nullptr) return fail(errnop, ENOENT, NSS_STATUS_NOTFOUND);
        const long needed = *used + static_cast<long>(user->group_count);
        if (needed > *size) {
            void* larger = realloc(*groups, static_cast<size_t>(needed) * sizeof(gid_t));
            if (larger == nullptr) return fail(errnop, ENOMEM, NSS_STATUS_TRYAGAIN);
            *groups = static_cast<gid_t*>(larger);
            *size = needed;
        }
        for (uint32_t i = 0; i < user->group_count; ++i)
            if (user->groups()[i] != skip) (*groups)[(*used)++] = user->groups()[i];
        return NSS_STATUS_SUCCESS;
    });
}

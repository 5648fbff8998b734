// The root that bench/accounts runs in, and the peers that need nothing but files there.
//
// Everything is written into a root that vanishes afterwards (scripts/dev bench accounts makes it); outside
// of one the bench ends before it has changed anything.
#pragma once

#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <sys/types.h>

#include <string>

#include "bench/contest.h"
#include "bench/population.h"

namespace xos::bench {

// A module of glibc's name service switch, to be called without glibc in between.
struct Module {
    nss_status (*getpwnam)(const char*, passwd*, char*, size_t, int*) = nullptr;
    nss_status (*getpwuid)(uid_t, passwd*, char*, size_t, int*) = nullptr;
    nss_status (*getgrnam)(const char*, group*, char*, size_t, int*) = nullptr;
    nss_status (*getgrgid)(gid_t, group*, char*, size_t, int*) = nullptr;
    nss_status (*setpwent)(int) = nullptr;
    nss_status (*getpwent)(passwd*, char*, size_t, int*) = nullptr;
    nss_status (*endpwent)() = nullptr;

    // The entry points of libnss_SERVICE.so.2, for "files" those of libc itself. A module stays loaded.
    [[nodiscard]] static Outcome<Module> load(const std::string& service);
};

// A /run of its own, the two modules that were built where glibc looks for modules, and no name service but
// "files" for whatever reads nsswitch.conf, such as SSSD.
void enter_private_root();

// Something that was built along with the bench, as a path below the build directory.
[[nodiscard]] std::string find_built(const std::string& path);

// The bench ends where a file cannot be written.
void write_file(const std::string& path, const std::string& bytes, mode_t mode);

// /etc/passwd and /etc/group
void prepare_files(const AccountsSnapshot& snapshot);
// /var/lib/extrausers
void prepare_extrausers(const AccountsSnapshot& snapshot);
// Drop-in records of users in /run/userdb, for nss-systemd
void prepare_userdb(const AccountsSnapshot& snapshot);

}  // namespace xos::bench

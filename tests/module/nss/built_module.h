// The built libnss_xos.so.2 as glibc loads it, in child processes with a private /run and /var/lib.
#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "libxos/names.h"
#include "tests/unit/identity/sample_accounts.h"
#include "tests/unit/requirement.h"
#include "xosd/identity/accounts_writer.h"

namespace xos::module {

// For use in a child: says what was expected and ends it.
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: expected in the child: %s\n", __FILE__, __LINE__, #condition); \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (false)

// Runs body in a child with its own mount namespace, in which /run and /var/lib are empty.
template <typename Body>
void run_apart(Body body) {
    test::require_root("needs root: mounts a private /run");
    fflush(nullptr);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        EXPECT(unshare(CLONE_NEWNS) == 0);
        EXPECT(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
        EXPECT(mount("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=64m") == 0);
        EXPECT(mount("lib", "/var/lib", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=64m") == 0);
        EXPECT(mkdir(kRunDir, 0755) == 0 && mkdir(kStateDir, 0711) == 0);
        body();
        fflush(nullptr);
        _exit(0);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    INFO("status " << status);
    REQUIRE((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

inline void publish(const AccountsSnapshot& snapshot) {
    auto writer = AccountsWriter::open(kAccountsFile, kAccountsBootFile);
    EXPECT(writer.has_value());
    EXPECT(writer->replace(snapshot).has_value());
}

struct Module {
    Module() : handle(dlopen(XOS_NSS_MODULE, RTLD_NOW | RTLD_LOCAL)) {
        if (handle == nullptr) fprintf(stderr, "%s\n", dlerror());
        EXPECT(handle != nullptr);
        find(getpwnam, "getpwnam_r");
        find(getpwuid, "getpwuid_r");
        find(setpwent, "setpwent");
        find(endpwent, "endpwent");
        find(getpwent, "getpwent_r");
        find(getgrnam, "getgrnam_r");
        find(getgrgid, "getgrgid_r");
        find(setgrent, "setgrent");
        find(endgrent, "endgrent");
        find(getgrent, "getgrent_r");
        find(initgroups, "initgroups_dyn");
    }
    template <typename Function>
    void find(Function& function, const char* name) {
        function = reinterpret_cast<Function>(dlsym(handle, (std::string("_nss_xos_") + name).c_str()));
        EXPECT(function != nullptr);
    }
    void* handle;
    nss_status (*getpwnam)(const char*, passwd*, char*, size_t, int*);
    nss_status (*getpwuid)(uid_t, passwd*, char*, size_t, int*);
    nss_status (*setpwent)(int);
    nss_status (*endpwent)();
    nss_status (*getpwent)(passwd*, char*, size_t, int*);
    nss_status (*getgrnam)(const char*, group*, char*, size_t, int*);
    nss_status (*getgrgid)(gid_t, group*, char*, size_t, int*);
    nss_status (*setgrent)(int);
    nss_status (*endgrent)();
    nss_status (*getgrent)(group*, char*, size_t, int*);
    nss_status (*initgroups)(const char*, gid_t, long*, long*, gid_t**, long, int*);

    passwd user{};
    group found{};
    char buffer[4096];
    int error = 0;
    nss_status by_name(const char* name) { return getpwnam(name, &user, buffer, sizeof buffer, &error); }
    nss_status by_uid(uid_t uid) { return getpwuid(uid, &user, buffer, sizeof buffer, &error); }
    nss_status group_by_name(const char* name) {
        return getgrnam(name, &found, buffer, sizeof buffer, &error);
    }
    nss_status group_by_gid(gid_t gid) { return getgrgid(gid, &found, buffer, sizeof buffer, &error); }
};

}  // namespace xos::module

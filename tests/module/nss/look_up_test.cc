// What the built module answers.
#include <cstring>
#include <set>
#include <string>
#include <thread>

#include "tests/module/nss/built_module.h"

using namespace xos;
using module::Module;
using module::publish;
using module::run_apart;

TEST_CASE("users and groups are found by name and id") {
    run_apart([] {
        publish(sample::snapshot());
        Module nss;
        errno = 77;
        EXPECT(nss.by_name("user1@physics") == NSS_STATUS_SUCCESS);
        EXPECT(errno == 77 && nss.error == 0);
        EXPECT(strcmp(nss.user.pw_name, "user1@physics") == 0 && strcmp(nss.user.pw_passwd, "*") == 0);
        EXPECT(nss.user.pw_uid == sample::kPhysics + 1 && nss.user.pw_gid == sample::kPhysics + 1);
        EXPECT(strcmp(nss.user.pw_gecos, "User user1") == 0 && strcmp(nss.user.pw_shell, "/bin/sh") == 0);
        EXPECT(strcmp(nss.user.pw_dir, "/home/physics/user1") == 0);
        EXPECT(nss.by_uid(sample::kBio + 1) == NSS_STATUS_SUCCESS &&
               strcmp(nss.user.pw_name, "ann@bio") == 0);
        EXPECT(nss.group_by_name("analysis@physics") == NSS_STATUS_SUCCESS &&
               nss.found.gr_gid == sample::kAnalysis);
        EXPECT(strcmp(nss.found.gr_mem[0], "user1@physics") == 0);
        EXPECT(strcmp(nss.found.gr_mem[1], "user3@physics") == 0 && nss.found.gr_mem[2] == nullptr);
        EXPECT(nss.group_by_gid(sample::kPhysics + 2) == NSS_STATUS_SUCCESS);
        EXPECT(strcmp(nss.found.gr_name, "user2@physics") == 0 && nss.found.gr_mem[0] == nullptr);
        for (const char* name :
             {"user6@physics", "user1@chem", "analysis@physics", "root", "", "@", "user1@"})
            EXPECT(nss.by_name(name) == NSS_STATUS_NOTFOUND && nss.error == ENOENT);
        EXPECT(nss.by_name(std::string(100000, 'a').c_str()) == NSS_STATUS_NOTFOUND);
        for (const uid_t uid : {0u, 1000u, 65534u, sample::kPhysics, sample::kPhysics + 6, ~0u})
            EXPECT(nss.by_uid(uid) == NSS_STATUS_NOTFOUND && nss.group_by_gid(uid) == NSS_STATUS_NOTFOUND);
    });
}

TEST_CASE("a source that cannot answer is unavailable, and only for names that could be ours") {
    run_apart([] {
        Module nss;
        const auto check_unavailable = [&] {
            EXPECT(nss.by_name("user1@physics") == NSS_STATUS_UNAVAIL && nss.error == EIO);
            EXPECT(nss.by_uid(sample::kPhysics + 1) == NSS_STATUS_UNAVAIL);
            EXPECT(nss.group_by_name("analysis@physics") == NSS_STATUS_UNAVAIL);
            EXPECT(nss.group_by_gid(sample::kAnalysis) == NSS_STATUS_UNAVAIL);
            EXPECT(nss.getpwent(&nss.user, nss.buffer, sizeof nss.buffer, &nss.error) == NSS_STATUS_UNAVAIL);
            EXPECT(nss.by_name("root") == NSS_STATUS_NOTFOUND && nss.by_uid(0) == NSS_STATUS_NOTFOUND);
            for (const char* foreign :
                 {"user1@EXAMPLE.COM", "DOM\\user@dom.example", "@physics", "user1@physics@bio"})
                EXPECT(nss.by_name(foreign) == NSS_STATUS_NOTFOUND &&
                       nss.group_by_name(foreign) == NSS_STATUS_NOTFOUND);
        };
        check_unavailable();
        const int fd = open(kAccountsFile, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        EXPECT(fd >= 0 && ftruncate(fd, 8192) == 0);
        check_unavailable();
        unlink(kAccountsFile);
        publish(sample::snapshot());
        EXPECT(nss.by_name("user1@physics") == NSS_STATUS_SUCCESS);
    });
}

TEST_CASE("every buffer length gives ERANGE or the whole answer, and not a byte beyond") {
    run_apart([] {
        publish(sample::snapshot());
        Module nss;
        const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
        char* pages = static_cast<char*>(
            mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        EXPECT(pages != MAP_FAILED && mprotect(pages + page, page, PROT_NONE) == 0);
        char* end = pages + page;
        const auto try_all = [&](auto look_up) {
            size_t fits = 0;
            for (size_t size = 0; size < 300; ++size) {
                int error = 0;
                const nss_status status = look_up(end - size, size, &error);
                EXPECT(status == NSS_STATUS_SUCCESS || (status == NSS_STATUS_TRYAGAIN && error == ERANGE));
                if (status == NSS_STATUS_SUCCESS) fits = fits == 0 ? size : fits;
                EXPECT(status == NSS_STATUS_SUCCESS || fits == 0 || size % 8 != fits % 8);
            }
            EXPECT(fits > 0);
            return fits;
        };
        passwd user{};
        group found{};
        const auto fits = try_all([&](char* at, size_t size, int* error) {
            return nss.getpwnam("user1@physics", &user, at, size, error);
        });
        EXPECT(fits == sizeof "user1@physics" + sizeof "*" + sizeof "User user1" +
                           sizeof "/home/physics/user1" + sizeof "/bin/sh");
        try_all([&](char* at, size_t size, int* error) {
            return nss.getpwuid(sample::kPhysics + 1, &user, at, size, error);
        });
        try_all([&](char* at, size_t size, int* error) {
            return nss.getgrnam("analysis@physics", &found, at, size, error);
        });
        try_all([&](char* at, size_t size, int* error) {
            return nss.getgrgid(sample::kAnalysis, &found, at, size, error);
        });
        try_all([&](char* at, size_t size, int* error) {
            nss.setpwent(0);
            return nss.getpwent(&user, at, size, error);
        });
    });
}

TEST_CASE("an enumeration is each thread's own, and a short buffer loses nobody") {
    run_apart([] {
        publish(sample::snapshot());
        Module nss;
        const auto list = [&nss] {
            std::multiset<std::string> names;
            passwd user{};
            char buffer[256];
            int error = 0;
            nss.setpwent(0);
            for (;;) {
                EXPECT(nss.getpwent(&user, buffer, 3, &error) != NSS_STATUS_SUCCESS);
                const nss_status status = nss.getpwent(&user, buffer, sizeof buffer, &error);
                if (status == NSS_STATUS_NOTFOUND) break;
                EXPECT(status == NSS_STATUS_SUCCESS);
                names.insert(user.pw_name);
                EXPECT(nss.getpwnam("ann@bio", &user, buffer, sizeof buffer, &error) == NSS_STATUS_SUCCESS);
            }
            nss.endpwent();
            EXPECT(names == (std::multiset<std::string>{"user1@physics", "user2@physics", "user3@physics",
                                                        "user4@physics", "user5@physics", "ann@bio"}));
        };
        std::thread threads[] = {std::thread(list), std::thread(list), std::thread(list)};
        for (std::thread& thread : threads) thread.join();
        std::multiset<std::string> groups;
        while (nss.getgrent(&nss.found, nss.buffer, sizeof nss.buffer, &nss.error) == NSS_STATUS_SUCCESS)
            groups.insert(nss.found.gr_name);
        EXPECT(groups.size() == 8 && groups.count("analysis@physics") == 1 && groups.count("ann@bio") == 1);
        EXPECT(nss.endgrent() == NSS_STATUS_SUCCESS);
    });
}

TEST_CASE("initgroups gives all groups but the one it has, within the limit") {
    run_apart([] {
        AccountsSnapshot snapshot = sample::snapshot();
        for (uint32_t i = 0; i < 60; ++i)
            snapshot.groups.push_back({.name = "g" + std::to_string(i) + "@physics",
                                       .gid = sample::kAnalysis + 1 + i,
                                       .members = {"user1@physics"}});
        publish(snapshot);
        Module nss;
        const auto groups_of = [&nss](const char* user, gid_t skip, long limit) {
            long start = 1, size = 1;
            auto* groups = static_cast<gid_t*>(malloc(sizeof(gid_t)));
            groups[0] = skip;
            int error = 0;
            EXPECT(nss.initgroups(user, skip, &start, &size, &groups, limit, &error) == NSS_STATUS_SUCCESS);
            EXPECT(start <= size && (limit <= 0 || size <= limit));
            const std::set<gid_t> all(groups, groups + start);
            EXPECT(all.size() == static_cast<size_t>(start));
            free(groups);
            return all;
        };
        EXPECT(groups_of("user1@physics", sample::kPhysics + 1, -1).size() == 63);
        EXPECT(groups_of("user1@physics", sample::kAnalysis, -1).size() == 62);
        EXPECT(groups_of("user1@physics", sample::kPhysics + 1, 10).size() == 10);
        EXPECT(groups_of("user2@physics", 5, 0) == (std::set<gid_t>{5, sample::kMembers}));
        EXPECT(groups_of("ann@bio", 5, 0) == std::set<gid_t>{5});
        long start = 0, size = 0;
        gid_t* groups = nullptr;
        int error = 0;
        EXPECT(nss.initgroups("root", 0, &start, &size, &groups, 0, &error) == NSS_STATUS_NOTFOUND);
        EXPECT(groups == nullptr);
    });
}

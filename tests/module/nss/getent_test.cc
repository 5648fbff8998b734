// The whole way: glibc's own getent and id, with nsswitch.conf naming our module.
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/module/nss/built_module.h"

using namespace xos;
using module::publish;
using module::run_apart;
namespace {

struct Answer {
    int status = -1;
    std::string text;
};

Answer run(std::vector<const char*> argv) {
    int ends[2];
    EXPECT(pipe2(ends, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    const std::string path = "LD_LIBRARY_PATH=" XOS_NSS_DIRECTORY;
    char* const environment[] = {const_cast<char*>(path.c_str()), nullptr};
    argv.push_back(nullptr);
    pid_t child = -1;
    EXPECT(posix_spawnp(&child, argv[0], &actions, nullptr, const_cast<char* const*>(argv.data()),
                        environment) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    Answer answer;
    char block[4096];
    for (ssize_t size; (size = read(ends[0], block, sizeof block)) > 0;)
        answer.text.append(block, static_cast<size_t>(size));
    close(ends[0]);
    EXPECT(waitpid(child, &answer.status, 0) == child);
    return answer;
}

// A private nsswitch.conf over the machine's own, which stays untouched.
void switch_to_xos() {
    std::ofstream("/run/nsswitch.conf") << "passwd: files xos\ngroup: files xos\nshadow: files\n";
    EXPECT(mount("/run/nsswitch.conf", "/etc/nsswitch.conf", nullptr, MS_BIND, nullptr) == 0);
}

}  // namespace

TEST_CASE("stock programs know the members") {
    run_apart([] {
        switch_to_xos();
        publish(sample::snapshot());
        const std::string uid = std::to_string(sample::kPhysics + 1), gid = std::to_string(sample::kAnalysis);
        const std::string line =
            "user1@physics:*:" + uid + ":" + uid + ":User user1:/home/physics/user1:/bin/sh\n";
        EXPECT(run({"getent", "passwd", "user1@physics"}).text == line);
        EXPECT(run({"getent", "passwd", uid.c_str()}).text == line);
        EXPECT(run({"getent", "group", "analysis@physics"}).text ==
               "analysis@physics:*:" + gid + ":user1@physics,user3@physics\n");
        EXPECT(run({"getent", "group", gid.c_str()}).status == 0);
        EXPECT(run({"id", "-nG", "user1@physics"}).text ==
               "user1@physics members@physics analysis@physics\n");
        EXPECT(run({"id", "-nG", "ann@bio"}).text == "ann@bio\n");
        EXPECT(run({"getent", "initgroups", "user1@physics"}).text.contains(gid));
        const Answer all = run({"getent", "passwd"});
        EXPECT(all.text.starts_with("root:") && all.text.contains(line) && all.text.contains("ann@bio:"));
        EXPECT(run({"getent", "group"}).text.contains("ann@bio:*:"));
        EXPECT(run({"getent", "passwd", "user9@physics"}).status != 0);
        EXPECT(run({"getent", "passwd", "nobody@chem"}).status != 0);
    });
}

TEST_CASE("local names answer whatever state the accounts file is in") {
    run_apart([] {
        switch_to_xos();
        const auto check = [] {
            EXPECT(run({"getent", "passwd", "root"}).text.starts_with("root:"));
            EXPECT(run({"id", "-u", "root"}).text == "0\n");
            EXPECT(run({"getent", "passwd", "no-such-user"}).status != 0);
            EXPECT(run({"getent", "passwd", "user1@physics"}).text.empty());
        };
        check();
        std::ofstream(kAccountsFile) << "junk";
        check();
        EXPECT(unlink(kAccountsFile) == 0 && mkdir(kAccountsFile, 0755) == 0);
        check();
    });
}

#include "xosd/account/user_processes.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "tests/unit/session/as_root.h"
#include "tests/unit/ssh/command.h"

using namespace xos;
using namespace xos::test;

namespace {

void write_status(const std::filesystem::path& proc, const std::string& pid, const std::string& text) {
    std::filesystem::create_directories(proc / pid);
    write_file(proc / pid / "status", text);
}

}  // namespace

TEST_CASE("a process is of each of its uids") {
    const TempDir proc;
    write_status(proc.path, "1", "Name:\tinit\nUid:\t0\t0\t0\t0\n");
    write_status(proc.path, "20", "Name:\tsu\nUid:\t0\t7\t0\t0\n");
    write_status(proc.path, "self", "Name:\tself\nUid:\t7\t7\t7\t7\n");
    std::filesystem::create_directories(proc.path / "30");  // ended meanwhile
    CHECK(find_processes(7, proc.path).value() == "20 (su)");
    CHECK(find_processes(8, proc.path).value().empty());
    for (int pid = 40; pid < 45; ++pid)
        write_status(proc.path, std::to_string(pid), "Name:\tUid:\x1b\nUid:\t8\t8\t8\t8\n");
    const std::string several = find_processes(8, proc.path).value();
    CHECK(several.ends_with(" and 2 more"));
    CHECK(several.contains("(Uid:?)"));
    CHECK_FALSE(find_processes(7, proc.path / "none"));
}

TEST_CASE("the machine's own processes") {
    require_root();
    CHECK(find_processes(kTestUid).value().empty());
    const pid_t child = fork();
    if (child == 0) {
        if (setuid(kTestUid) != 0) _exit(1);
        pause();
        _exit(0);
    }
    std::string found;
    for (int i = 0; i < 100 && found.empty(); ++i) {
        usleep(10'000);
        found = find_processes(kTestUid).value();
    }
    CHECK(found.starts_with(std::to_string(child) + " ("));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
}

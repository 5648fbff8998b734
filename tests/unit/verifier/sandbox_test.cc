#include "xosd/verifier/sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <functional>

using namespace xos;

namespace {

constexpr uid_t kSomebody = 65432;

// Runs attempt in a child behind the walls: how the child ended, as waitpid(2) says.
int run_in_sandbox(const std::function<int(int socket)>& attempt) {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    const pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        const bool root = geteuid() == 0;
        const auto entered = enter_sandbox(
            {.uid = root ? kSomebody : geteuid(), .gid = root ? kSomebody : getegid(), .socket = ends[1]});
        _exit(entered ? attempt(ends[1]) : 99);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    close(ends[0]);
    close(ends[1]);
    return status;
}

bool is_refused(const std::function<int(int)>& attempt) {
    const int status = run_in_sandbox(attempt);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

}  // namespace

TEST_CASE("what a request needs is possible behind the walls") {
    const int status = run_in_sandbox([](int socket) {
        char byte = 'x';
        void* const memory =
            mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        const bool good = send(socket, &byte, 1, MSG_NOSIGNAL) == 1 && memory != MAP_FAILED &&
                          munmap(memory, 1 << 20) == 0 && recv(socket, &byte, 1, MSG_DONTWAIT) == -1;
        return good ? 0 : 1;
    });
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("everything else ends the process") {
    CHECK(is_refused([](int) { return open("/etc/passwd", O_RDONLY); }));
    CHECK(is_refused([](int) { return socket(AF_INET, SOCK_STREAM, 0); }));
    CHECK(is_refused([](int) { return execl("/bin/true", "true", nullptr); }));
    CHECK(is_refused([](int) { return static_cast<int>(fork()); }));
    CHECK(is_refused([](int) { return kill(getppid(), 0); }));
    CHECK(is_refused([](int) { return setuid(0); }));
    CHECK(is_refused([](int) { return static_cast<int>(write(2, "x", 1)); }));
    CHECK(is_refused([](int socket) { return dup(socket); }));
    CHECK(is_refused([](int) {
        return mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
    }));
    CHECK(is_refused([](int) {
        void* const memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return mprotect(memory, 4096, PROT_READ | PROT_EXEC);
    }));
    // another descriptor than the one it was given
    CHECK(is_refused([](int socket) {
        char byte = 0;
        return static_cast<int>(recv(socket + 1, &byte, 1, 0));
    }));
}

TEST_CASE("root is no user to put behind the walls") {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    CHECK_FALSE(enter_sandbox({.uid = 0, .gid = 0, .socket = ends[0]}));
    CHECK_FALSE(enter_sandbox({.uid = kSomebody, .gid = 0, .socket = ends[0]}));
    close(ends[0]);
    close(ends[1]);
}

TEST_CASE("memory has an end") {
#if defined(__SANITIZE_ADDRESS__)
    SKIP("ASan's shadow memory cannot live under RLIMIT_AS");
#else
    const int status = run_in_sandbox([](int) {
        return mmap(nullptr, 1ul << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                       MAP_FAILED
                   ? 0
                   : 1;
    });
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
#endif
}

#include "xosd/tracking/descriptor_store.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <cstring>
#include <string>

using namespace xos;

namespace {

// In the place of the service manager.
struct Manager {
    Manager() {
        address.sun_family = AF_UNIX;
        const std::string name = "xos-test-store-" + std::to_string(getpid());
        std::memcpy(address.sun_path + 1, name.data(), name.size());
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
        socket.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        REQUIRE(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
        REQUIRE(setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1) == 0);
    }
    ~Manager() { unsetenv("NOTIFY_SOCKET"); }
    // The next message, empty where there is none; what came with it goes to fd.
    std::string receive(UniqueFd& fd) const {
        std::array<char, 512> text{};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
        iovec part{text.data(), text.size()};
        msghdr message{.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control.data(),
                       .msg_controllen = control.size()};
        const ssize_t size = recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC);
        if (size <= 0) return {};
        if (const cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr && head->cmsg_type == SCM_RIGHTS) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(head), sizeof number);
            fd.reset(number);
        }
        return {text.data(), static_cast<size_t>(size)};
    }
    UniqueFd socket;
    sockaddr_un address{};
};

ino_t inode(int fd) {
    struct stat st{};
    REQUIRE(fstat(fd, &st) == 0);
    return st.st_ino;
}

// As a program that systemd starts with what it kept: descriptors from 3 on, in any order.
int take_in_child(std::array<int, 2> files, const char* names) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child > 0) {
        int status = 0;
        REQUIRE(waitpid(child, &status, 0) == child);
        return WEXITSTATUS(status);
    }
    const ino_t second = inode(files[1]);
    for (size_t i = 0; i < files.size(); ++i) files[i] = fcntl(files[i], F_DUPFD, 20);
    if (dup2(files[1], 3) < 0 || dup2(files[0], 4) < 0) _exit(90);
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    setenv("LISTEN_FDS", "2", 1);
    setenv("LISTEN_FDNAMES", names, 1);
    const auto taken = take_stored_descriptors();
    if (taken.size() == 2 && inode(taken[1].get()) != second) _exit(91);
    _exit(static_cast<int>(taken.size()));
}

}  // namespace

TEST_CASE("descriptors are stored by name and order, and older ones go where they are of no use") {
    const Manager manager;
    std::array<int, 2> ends{};
    REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
    const UniqueFd read_end(ends[0]), write_end(ends[1]);
    store_descriptors(ends, false);
    UniqueFd stored;
    CHECK(manager.receive(stored) == "FDSTORE=1\nFDPOLL=0\nFDNAME=connector-0");
    CHECK(inode(stored.get()) == inode(ends[0]));
    CHECK(manager.receive(stored) == "FDSTORE=1\nFDPOLL=0\nFDNAME=connector-1");
    CHECK(manager.receive(stored).empty());
    store_descriptors({}, true);
    CHECK(manager.receive(stored) == "FDSTOREREMOVE=1\nFDNAME=connector-0");
}

TEST_CASE("what was stored comes back in its order, whole or not at all") {
    const UniqueFd first(open("/dev/null", O_RDONLY | O_CLOEXEC)), second(open("/proc/self", O_RDONLY));
    const std::array<int, 2> files{first.get(), second.get()};
    CHECK(take_in_child(files, "connector-1:connector-0") == 2);
    CHECK(take_in_child(files, "connector-2:connector-0") == 0);
    CHECK(take_in_child(files, "other:connector-0") == 1);
    CHECK(take_in_child(files, "other:stored") == 0);
    CHECK(take_stored_descriptors().empty());
}

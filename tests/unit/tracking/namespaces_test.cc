// Where the kernel tells process events, and what is said where it does not.
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "tests/unit/tracking/require_kernel.h"
#include "tests/unit/tracking/tracking_node.h"
#include "xosd/tracking/proc_connector_socket.h"

using namespace xos;
using namespace xos::test;

namespace {

// What check_proc_connector() says in a child with namespaces of its own; empty: nothing.
std::string checked_in(int flags) {
    std::array<int, 2> ends{};
    REQUIRE(pipe(ends.data()) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        // a new pid namespace begins with the next child
        if (unshare(flags) != 0 || fork() != 0) _exit(wait(nullptr) > 0 ? 0 : 1);
        const auto checked = check_proc_connector();
        const std::string text = checked ? "heard" : checked.error().message;
        _exit(write(ends[1], text.data(), text.size()) < 0);
    }
    close(ends[1]);
    std::string text(512, '\0');
    const ssize_t got = read(ends[0], text.data(), text.size());
    close(ends[0]);
    CHECK(reap(child) == 0);
    text.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return text;
}

}  // namespace

TEST_CASE("the kernel tells process events in the initial namespaces only, and each other one is named") {
    require_kernel();
    CHECK(checked_in(0) == "heard");
    CHECK(checked_in(CLONE_NEWNS) == "heard");
    CHECK(checked_in(CLONE_NEWPID).contains("initial pid namespace"));
    CHECK(checked_in(CLONE_NEWUSER).contains("initial user namespace"));
    CHECK(checked_in(CLONE_NEWNET).contains("initial network namespace"));
}

// Tests that need root, and children that have another user's rights. Process: tests only.
#pragma once

#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <string>

#include "common/event_loop.h"
#include "tests/unit/requirement.h"

namespace xos::test {

inline constexpr uid_t kTestUid = 65431;

// What body answers in a child that runs as uid and gid, while the loop goes round here.
inline std::string run_as(EventLoop& loop, uid_t uid, gid_t gid, const std::function<std::string()>& body) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const pid_t pid = fork();
    if (pid == 0) {
        if (setgroups(0, nullptr) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
            _exit(1);
        const std::string answer = body();
        _exit(write(ends[1], answer.data(), answer.size()) < 0 ? 1 : 0);
    }
    close(ends[1]);
    int status = 0;
    for (int i = 0; i < 500 && waitpid(pid, &status, WNOHANG) == 0; ++i) sd_event_run(loop.get(), 20'000);
    char text[65536];
    const ssize_t n = read(ends[0], text, sizeof text);
    close(ends[0]);
    return {text, static_cast<size_t>(n > 0 ? n : 0)};
}

}  // namespace xos::test

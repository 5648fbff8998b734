// The checks behind xos doctor login that look at the machine: keys, clock, sockets; and how programs are
// run.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <filesystem>

#include "cli/clock_check.h"
#include "cli/key_quota_check.h"
#include "cli/login_service_check.h"
#include "cli/program_output.h"
#include "libxos/unique_fd.h"
#include "tests/unit/cli/findings.h"
#include "tests/unit/session/as_root.h"
#include "tests/unit/ssh/command.h"

using namespace xos;
using namespace xos::test;
using namespace std::chrono_literals;

namespace {

constexpr KeyLimits kStock{.keys = 200, .bytes = 20000, .root_keys = 1000000, .root_bytes = 25000000};

std::string key_faults(const KeyLimits& limits, std::string_view users) {
    Findings findings;
    check_key_quotas(limits, users, findings);
    return faults_of(findings);
}

std::string clock_faults(bool synchronised, std::chrono::seconds behind) {
    const std::chrono::sys_seconds now(1'800'000'000s);
    TrustedView old, newest;
    old.vo = "bio";
    old.issued = now - 48h;
    newest.vo = "physics";
    newest.issued = now + behind;
    Findings findings;
    check_clock(synchronised, now, {old, newest}, findings);
    return faults_of(findings);
}

}  // namespace

TEST_CASE("room for keys") {
    CHECK(key_faults(kStock, "    0:    19 18/18 13/1000000 3314/25000000\n 1000: 2 2/2 2/200 28/20000\n")
              .empty());
    CHECK(key_faults({}, "").starts_with("note: the kernel's limits"));
    CHECK(key_faults({.keys = 20, .bytes = 20000, .root_keys = 1000000, .root_bytes = 25000000}, "")
              .contains("WRONG: one member can have 18 sessions"));
    CHECK(key_faults({.keys = 200, .bytes = 320, .root_keys = 1000000, .root_bytes = 25000000}, "")
              .contains("one member can have 10 sessions"));
    CHECK(key_faults({.keys = 1, .bytes = 20000, .root_keys = 1000000, .root_bytes = 25000000}, "")
              .contains("one member can have 0 sessions"));
    CHECK(key_faults(kStock, "0: 1 1/1 999900/1000000 3314/25000000\n")
              .contains("room for the credentials of 100"));
    CHECK(key_faults(kStock, "0: 1 1/1 13/1000000 24900000/25000000\n").contains("WRONG: root has"));
    CHECK(key_faults(kStock, "0: 1 1/1 13/1000000 25000001/25000000\n").contains("of 0 more sessions"));
    CHECK(key_faults(kStock, "1879048193: 9 9/9 199/200 900/20000\n").contains("WRONG: uid 1879048193"));
    CHECK(key_faults(kStock, "1000: 9 9/9 200/200 900/20000\n").empty());
    for (const char* hostile : {"0: 1 1/1 13/ /25", "x", "0: 1 1/1 -1/5 1/1", "99999999999: 9 9/9 1/1 1/1",
                                "0: 1 1/1 99999999999999999999/1 1/1", ": 1 1/1 1/1 1/1"})
        CHECK(key_faults(kStock, hostile).empty());
}

TEST_CASE("the clock") {
    CHECK(clock_faults(true, -1h).empty());
    CHECK(clock_faults(true, 10s).empty());
    CHECK(clock_faults(true, 60s).starts_with(
        "note: the clock is behind by at least 60 s: the bundle of VO physics"));
    CHECK(clock_faults(true, 301s).starts_with("WRONG: the clock is behind by at least 5 min"));
    CHECK(clock_faults(false, -1h).starts_with("note: the kernel says"));
    Findings findings;
    check_clock(true, std::chrono::sys_seconds(), {}, findings);
    CHECK(faults_of(findings).empty());
}

TEST_CASE("the login socket") {
    require_root();
    TempDir dir;
    const std::string path = dir.path / "pam";
    const auto faults = [&](std::optional<gid_t> group) {
        Findings findings;
        check_login_socket(path, group, findings);
        CHECK(findings.size() == 1);
        return faults_of(findings);
    };
    CHECK(faults(kTestUid).contains("cannot be examined: No such file"));
    CHECK(faults(std::nullopt).contains("there is no group _xos-keys"));
    write_file(path, "");
    CHECK(faults(kTestUid).contains("is not a socket"));
    std::filesystem::remove(path);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    REQUIRE(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(chown(path.c_str(), 0, kTestUid) == 0);
    REQUIRE(chmod(path.c_str(), 0660) == 0);
    CHECK(faults(kTestUid).empty());
    CHECK(faults(kTestUid + 1).contains("must be root:_xos-keys"));
    REQUIRE(chmod(path.c_str(), 0666) == 0);
    CHECK(faults(kTestUid).contains("with the mode 666"));
    REQUIRE(chmod(path.c_str(), 0660) == 0);
    REQUIRE(chown(path.c_str(), kTestUid, kTestUid) == 0);
    CHECK(faults(kTestUid).contains("WRONG"));
}

TEST_CASE("the command that sshd runs") {
    require_root();
    const auto faults = [](const std::string& path) {
        Findings findings;
        check_keys_command(path, findings);
        CHECK(findings.size() == 1);
        return faults_of(findings);
    };
    CHECK(faults("/usr/bin/env").empty());
    CHECK(faults("/usr/bin/none").contains("cannot be examined"));
    CHECK(faults("/etc/passwd").contains("cannot be run"));
    TempDir dir;  // below /tmp, which everybody may write
    write_file(dir.path / "command", "");
    CHECK(faults(dir.path / "command").contains("cannot be run"));
    REQUIRE(chmod((dir.path / "command").c_str(), 0755) == 0);
    CHECK(faults(dir.path / "command").contains("sshd runs no command that others can change: /tmp is of 0"));
}

TEST_CASE("programs are run") {
    const auto echo = run_program({"/bin/echo", "$HOME", "a b"}, 100, 10s);
    REQUIRE(echo);
    CHECK(echo->output == "$HOME a b\n");
    CHECK(echo->errors.empty());
    CHECK(echo->status == 0);
    const auto fails = run_program({"/bin/sh", "-c", "echo x >&2; cat; exit 3"}, 100, 10s);
    REQUIRE(fails);
    CHECK(fails->status == 3);
    CHECK(fails->errors == "x\n");
    CHECK(run_program({"/bin/sh", "-c", "kill -9 $$"}, 100, 10s)->status == 137);
    CHECK(run_program({"/nowhere/x"}, 100, 10s).error().code == Errc::not_found);
    CHECK(run_program({"/usr/bin/yes"}, 100, 10s).error().code == Errc::too_small);
    CHECK(run_program({"/usr/bin/sleep", "60"}, 100, 100ms).error().code == Errc::timeout);
    CHECK(run_program({"/bin/sh", "-c", "exec >&- 2>&- sleep 60"}, 100, 100ms).error().code == Errc::timeout);
    setenv("XOS_TEST_SECRET", "1", 1);
    CHECK_FALSE(run_program({"/usr/bin/env"}, 1000, 10s)->output.contains("XOS_TEST_SECRET"));
}

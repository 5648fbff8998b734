#include "xosd/session/session_supervisor.h"

#include <keyutils.h>
#include <pty.h>

#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "libxos/names.h"
#include "tests/unit/session/session_node.h"
#include "xosd/session/credential_key.h"

using namespace xos;
using namespace xos::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

// A child of the session's process that outlives it. Its pid.
pid_t start_leftover(UniqueFd& told, bool deaf = false) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    told.reset(ends[0]);
    sigset_t term, before;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &before);  // it may be asked to end before it has begun
    const pid_t pid = fork();
    if (pid == 0) {
        signal(SIGTERM, deaf ? SIG_IGN : SIG_DFL);  // not the test program's
        sigprocmask(SIG_SETMASK, &before, nullptr);
        (void)!write(ends[1], "x", 1);
        for (;;) pause();
    }
    sigprocmask(SIG_SETMASK, &before, nullptr);
    close(ends[1]);
    return pid;
}

bool is_alive(pid_t pid) {
    return kill(pid, 0) == 0 && waitpid(pid, nullptr, WNOHANG) != pid;
}

}  // namespace

TEST_CASE_METHOD(SessionNode, "a session's processes are in a cgroup of its own, which goes with them") {
    SessionProcess process;
    const uint64_t id = open(process);
    CHECK(supervisor->cgroup_of(id) == cgroups.sessions_path + "/session-" + std::to_string(id));
    CHECK(read_cgroup_of(process.pid()).value() == supervisor->cgroup_of(id));
    CHECK(supervisor->processes_of(id) == std::vector<pid_t>{process.pid()});
    sessions.close(id, "closed");
    CHECK(records() == 1);  // until its process has ended
    process.end();
    REQUIRE(run_until([&] { return records() == 0; }));
    CHECK_FALSE(has_cgroup(id));
    CHECK_THAT(audited(), ContainsSubstring(R"("event":"session-end")"));
}

TEST_CASE_METHOD(SessionNode, "a session whose limits the kernel does not take leaves no cgroup") {
    SessionProcess process;
    LoginSession session;
    session.login = "user1@physics";
    session.uid = uid;
    session.service = "su";
    session.opened = now_seconds();
    const uint64_t id = must(sessions.open(std::move(session), process.pid(), process.pidfd()));
    Limits limits;
    limits[Limit::memory] = 512;  // there is no memory controller in these cgroups
    CHECK_FALSE(supervisor->admit(id, limits));
    CHECK(read_cgroup_of(process.pid()).value().find(cgroup_name) == std::string::npos);
    sessions.close(id, "refused");
    process.end();
    REQUIRE(run_until([&] { return records() == 0; }));
    CHECK_FALSE(has_cgroup(id));
}

TEST_CASE_METHOD(SessionNode, "a session inside another one of the same user stays there") {
    SessionProcess process;
    const uint64_t outer = open(process);
    SessionProcess own;
    const auto cgroup = JobCgroup::open(cgroups.sessions_parent(), "session-" + std::to_string(outer));
    REQUIRE(cgroup);
    REQUIRE(cgroup->add(own.pid()));
    const uint64_t inner = open(own);
    CHECK(supervisor->cgroup_of(inner) == "");
    CHECK(read_cgroup_of(own.pid()).value() == supervisor->cgroup_of(outer));
    own.end();
    REQUIRE(run_until([&] { return sessions.find(inner) == nullptr; }));
    CHECK(sessions.find(outer) != nullptr);
    CHECK_FALSE(process.has_ended());
}

TEST_CASE_METHOD(SessionNode, "what must not go on is ended, whatever it does about SIGTERM") {
    SessionProcess process([] { signal(SIGTERM, SIG_IGN); });
    const uint64_t id = open(process);
    REQUIRE(run_until([&] {
        return read_file(compose("/proc/{}/status", process.pid()), 8192)
            ->contains("SigIgn:\t0000000000004000");
    }));
    std::string reason;
    SECTION("its member is removed") {
        physics.bundle.members[0].name = "user2";
        reason = "no member";
    }
    SECTION("its member is suspended") {
        physics.bundle.members[0].suspended = true;
        reason = "suspended";
    }
    SECTION("its credential is revoked") {
        physics.bundle.revoked_serials = {"4a01"};
        reason = "4a01 was revoked";
    }
    apply();
    CHECK_THAT(sessions.find(id)->ending, ContainsSubstring(reason));
    REQUIRE(run_until([&] { return process.has_ended(); }));
    REQUIRE(run_until([&] { return records() == 0; }));
    CHECK_FALSE(has_cgroup(id));
    CHECK_THAT(audited(), ContainsSubstring(reason));
}

TEST_CASE_METHOD(SessionNode, "the key of a session that ends is revoked, and no other") {
    const key_serial_t ring = keyctl_join_session_keyring(nullptr);
    REQUIRE(ring > 0);
    SessionProcess process;
    const uint64_t id = open(process);
    const std::string chain = sessions.find(id)->chain;
    const auto make = [&](const std::string& payload) {
        const key_serial_t key =
            add_key("user", compose("x{}", payload).c_str(), payload.data(), payload.size(), ring);
        REQUIRE(key > 0);
        return key;
    };
    const auto make_credential = [&](const std::string& payload) {
        const key_serial_t key = add_key("user", kCredentialKey, payload.data(), payload.size(), ring);
        REQUIRE(key > 0);
        return key;
    };
    CHECK_FALSE(revoke_credential_key(make(chain), chain));  // another name
    CHECK_FALSE(revoke_credential_key(make_credential("other chain"), chain));
    CHECK_FALSE(revoke_credential_key(0, chain));
    REQUIRE(keyctl_clear(ring) == 0);
    const key_serial_t key = make_credential(chain);
    REQUIRE(sessions.note_key(id, key));
    const bool killed = GENERATE(false, true);  // sshd closes its session, or has no more chance to
    if (killed)
        process.end();
    else
        sessions.close(id, "closed");
    REQUIRE(run_until([&] { return sessions.find(id) == nullptr; }));
    char payload[64];
    CHECK(keyctl_read(key, payload, sizeof payload) < 0);
    CHECK(errno == EKEYREVOKED);
}

TEST_CASE_METHOD(SessionNode, "leftovers are kept, or ended, as the owner says") {
    UniqueFd told;
    pid_t leftover = -1;
    config.sessions.leftovers = GENERATE(Leftovers::keep, Leftovers::warn, Leftovers::end);
    SessionProcess process;
    const uint64_t id = open(process);
    leftover = start_leftover(told, true);
    const auto cgroup = JobCgroup::open(cgroups.sessions_parent(), "session-" + std::to_string(id));
    REQUIRE(cgroup);
    REQUIRE(cgroup->add(leftover));
    char byte;
    REQUIRE(read(told.get(), &byte, 1) == 1);
    sessions.close(id, "closed");
    CHECK(is_alive(leftover));  // not before the process that holds the session has ended
    process.end();
    if (config.sessions.leftovers == Leftovers::end) {
        REQUIRE(run_until([&] { return !is_alive(leftover); }));
    } else {
        REQUIRE(run_until([&] { return records() == 0; }));
        CHECK(is_alive(leftover));
        CHECK(has_cgroup(id));
        start();  // a restart of xosd still knows whose it was
        CHECK(has_cgroup(id));
        kill(leftover, SIGKILL);
        waitpid(leftover, nullptr, 0);
    }
    REQUIRE(run_until([&] { return records() == 0 && !has_cgroup(id); }));
}

TEST_CASE_METHOD(SessionNode, "xosd is killed while a session is being ended: its successor ends it") {
    SessionProcess process([] { signal(SIGTERM, SIG_IGN); });
    const uint64_t id = open(process);
    supervisor->end(id, "ended by root");
    SessionStore after(database, loop);
    REQUIRE(after.load());
    supervisor.reset();
    SessionSupervisor successor({loop, config, trust, after, audit, nullptr, &cgroups, nullptr});
    REQUIRE(run_until([&] { return process.has_ended(); }));
    REQUIRE(run_until([&] { return records() == 0 && !has_cgroup(id); }));
}

TEST_CASE_METHOD(SessionNode, "xosd is killed while a session is open: its successor watches it") {
    SessionProcess process;
    const uint64_t id = open(process);
    const std::string path = supervisor->cgroup_of(id);
    SessionStore after(database, loop);
    REQUIRE(after.load());
    supervisor.reset();
    SessionSupervisor successor({loop, config, trust, after, audit, nullptr, &cgroups, nullptr});
    CHECK(successor.cgroup_of(id) == path);
    process.end();
    REQUIRE(run_until([&] { return records() == 0 && !has_cgroup(id); }));
}

TEST_CASE_METHOD(SessionNode, "a session that ended while xosd was away is settled at its start") {
    config.sessions.leftovers = Leftovers::end;
    SessionProcess process;
    const uint64_t id = open(process);
    UniqueFd told;
    const pid_t leftover = start_leftover(told);
    REQUIRE(JobCgroup::open(cgroups.sessions_parent(), "session-" + std::to_string(id))->add(leftover));
    supervisor.reset();
    process.end();
    SessionStore after(database, loop);
    REQUIRE(after.load());
    SessionSupervisor successor({loop, config, trust, after, audit, nullptr, &cgroups, nullptr});
    REQUIRE(run_until([&] { return !is_alive(leftover); }));
    REQUIRE(run_until([&] { return records() == 0 && !has_cgroup(id); }));
}

TEST_CASE_METHOD(SessionNode, "when a credential ends the owner's word counts, and a newer one renews") {
    config.sessions.at_expiry = GENERATE(AtExpiry::keep, AtExpiry::stop_jobs, AtExpiry::end);
    SessionProcess process, other;
    const uint64_t id = open(process, "su", 0s);  // ends now
    const auto now = now_seconds();
    CHECK(supervisor->is_expired(*sessions.find(id), now));
    SECTION("alone") {
        supervisor->sweep();
        const bool ended = !sessions.find(id)->ending.empty();
        CHECK(ended == (config.sessions.at_expiry == AtExpiry::end));
    }
    SECTION("beside a session with a newer one") {
        open(other);
        CHECK_FALSE(supervisor->is_expired(*sessions.find(id), now));
        supervisor->sweep();
        CHECK(sessions.find(id)->ending.empty());
    }
}

TEST_CASE_METHOD(SessionNode, "who has a terminal is warned before, once") {
    int master = -1, slave = -1;
    REQUIRE(openpty(&master, &slave, nullptr, nullptr, nullptr) == 0);
    const UniqueFd terminal(master), line(slave);
    REQUIRE(fchown(line.get(), uid, 5) == 0);
    SessionProcess process([&] {
        setsid();
        ioctl(slave, TIOCSCTTY, 0);
    });
    const bool ending = GENERATE(false, true);
    config.sessions.at_expiry = ending ? AtExpiry::end : AtExpiry::stop_jobs;
    REQUIRE(run_until([&] {
        const auto stat = read_file(compose("/proc/{}/stat", process.pid()), 4096);
        return stat && !stat->contains(" 0 -1 ");  // tty_nr and tpgid without a terminal
    }));
    open(process, "su", 5min);
    supervisor->sweep();
    supervisor->sweep();
    char text[4096];
    const ssize_t size = read(terminal.get(), text, sizeof text);
    REQUIRE(size > 0);
    const std::string said(text, static_cast<size_t>(size));
    CHECK_THAT(said, ContainsSubstring("the credential of user1@physics ends in 5 min"));
    CHECK_THAT(said, ContainsSubstring(ending ? "this session ends" : "no new job"));
    CHECK(said.find("XtreemOS") == said.rfind("XtreemOS"));
}

// A node whose sessions have cgroups: real ones, below the root of the v2 tree. Process: tests only.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/file.h"
#include "tests/unit/requirement.h"
#include "tests/unit/ssh/command.h"
#include "tests/unit/trust/node_state.h"
#include "xosd/container/pidfd.h"
#include "xosd/session/session_supervisor.h"

namespace xos::test {

// Runs the loop until done, at most 20 seconds. False: it did not come about.
inline bool run_until(EventLoop& loop, const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
        if (std::chrono::steady_clock::now() > end) return false;
        sd_event_run(loop.get(), 20'000);
    }
    return true;
}

// A process that has run body and lives until it is ended.
class SessionProcess {
  public:
    explicit SessionProcess(const std::function<void()>& body = [] {}) {
        int ends[2];
        REQUIRE(pipe(ends) == 0);
        pid_ = fork();
        if (pid_ != 0) {  // nobody signals it before it is ready
            char byte;
            close(ends[1]);
            REQUIRE(read(ends[0], &byte, 1) == 1);
            close(ends[0]);
            return;
        }
        signal(SIGTERM, SIG_DFL);
        body();
        (void)!write(ends[1], "x", 1);
        for (;;) pause();
    }
    ~SessionProcess() { end(); }
    SessionProcess(const SessionProcess&) = delete;
    SessionProcess& operator=(const SessionProcess&) = delete;
    void end() {
        if (pid_ <= 0) return;
        kill(pid_, SIGKILL);
        reap();
    }
    // The wait(2) status.
    int reap() {
        int status = 0;
        waitpid(std::exchange(pid_, -1), &status, 0);
        return status;
    }
    bool has_ended() {
        int status = 0;
        if (pid_ > 0 && waitpid(pid_, &status, WNOHANG) == pid_) pid_ = -1;
        return pid_ < 0;
    }
    pid_t pid() const { return pid_; }
    UniqueFd pidfd() const { return UniqueFd(pidfd_open(pid_, 0)); }

  private:
    pid_t pid_ = -1;
};

struct SessionNode : NodeState {
    TempDir dir;
    SampleVo physics = make_live_vo();
    SessionStore sessions{database, loop};
    const std::string audit_path = dir.path / "audit.log";
    AuditLog audit{{.path = audit_path, .journal = ""}};
    CgroupBase cgroups;
    std::string cgroup_name;
    std::optional<SessionSupervisor> supervisor;
    const uint32_t uid = kUidMin + 7;

    SessionNode() {
        require_root();
        physics.bundle.members = {{"user1", 7, "c0ffee00-0000-4000-8000-000000000001", {}, {}, false}};
        REQUIRE(trust.apply(physics.seal(), physics.fingerprint()));
        REQUIRE(sessions.load());
        static int number = 0;
        cgroup_name = "xos-sessions-" + std::to_string(getpid()) + "-" + std::to_string(++number);
        const auto top = open_cgroup("/");
        if (!top) skip_test(top.error().message);
        for (const char* part : {"", "/sessions"})
            REQUIRE(mkdirat(top->get(), (cgroup_name + part).c_str(), 0755) == 0);
        cgroups.sessions.reset(
            openat(top->get(), (cgroup_name + "/sessions").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        cgroups.sessions_path = "/" + cgroup_name + "/sessions";
        start();
    }
    ~SessionNode() {
        supervisor.reset();
        const auto top = open_cgroup("/");
        const UniqueFd kill_file(
            openat(top->get(), (cgroup_name + "/cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC));
        (void)!write(kill_file.get(), "1", 1);
        while (waitpid(-1, nullptr, 0) > 0) {  // all were killed
        }
        if (auto all = JobCgroup::open(CgroupParent{top->get(), ""}, cgroup_name); all) {
            (void)all->wait_empty(std::chrono::seconds(5));
            (void)all->remove();
        }
    }
    // As after a start of xosd.
    void start() {
        supervisor.reset();
        supervisor.emplace(
            SessionSupervisor::Parts{loop, config, trust, sessions, audit, nullptr, &cgroups, nullptr});
    }
    void apply() {
        ++physics.bundle.serial;
        REQUIRE(trust.apply(physics.seal(), physics.fingerprint()));
        supervisor->sweep();
    }
    uint64_t open(const SessionProcess& process, const std::string& service = "su",
                  std::chrono::seconds left = std::chrono::hours(1)) {
        LoginSession session;
        session.login = "user1@physics";
        session.uid = uid;
        session.service = service;
        session.serial = "4a01";
        session.chain = "PEM " + std::to_string(sessions.all().size());
        session.opened = now_seconds();
        session.expires = session.opened + left;
        const uint64_t id = must(sessions.open(std::move(session), process.pid(), process.pidfd()));
        if (auto admitted = supervisor->admit(id, {}); !admitted) FAIL(admitted.error().message);
        return id;
    }
    bool run_until(const std::function<bool()>& done) { return test::run_until(loop, done); }
    bool has_cgroup(uint64_t id) const {
        return JobCgroup::open(cgroups.sessions_parent(), "session-" + std::to_string(id)).has_value();
    }
    size_t records() {
        auto count = database.prepare("SELECT count(*) FROM session");
        REQUIRE(count);
        REQUIRE(count->bind());
        REQUIRE(*count->step());
        return static_cast<size_t>(count->number(0));
    }
    std::string audited() const { return xos::read_file(audit_path, 1 << 20).value_or(""); }
};

}  // namespace xos::test

#include "xosd/session/session_store.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/trust/node_state.h"
#include "xosd/container/pidfd.h"

using namespace xos;
using namespace xos::test;
using namespace std::chrono_literals;

namespace {

// A process that holds a session until it is ended.
struct Holder {
    Holder() : pid(fork()) {
        if (pid == 0) {
            pause();
            _exit(0);
        }
    }
    ~Holder() { end(); }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    void end() {
        if (pid <= 0) return;
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
        pid = -1;
    }
    UniqueFd pidfd() const { return UniqueFd(pidfd_open(pid, 0)); }
    pid_t pid;
};

struct Fixture {
    EventLoop loop = must(EventLoop::create());
    Database database = must(Database::open(":memory:"));
    SessionStore store{database, loop};
    std::chrono::sys_seconds now = now_seconds();
    const std::vector<std::string> none_revoked;

    Fixture() { REQUIRE(store.load()); }
    uint64_t open(const Holder& holder, std::chrono::seconds left, const std::string& serial = "4a01") {
        LoginSession session;
        session.login = "user1@physics";
        session.uid = kUidMin + 1;
        session.service = "sshd";
        session.serial = serial;
        session.opened = now;
        if (left != 0s) session.expires = now + left;
        session.chain = "PEM";
        return must(store.open(std::move(session), holder.pid, holder.pidfd()));
    }
    void turn() { sd_event_run(loop.get(), 1'000'000); }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a session lasts until it is closed or its process ends") {
    Holder one, two;
    const uint64_t first = open(one, 1h), second = open(two, 1h);
    CHECK(first != second);
    store.close(first, "closed");
    store.close(first, "closed");  // again: nothing
    CHECK(store.all().size() == 1);
    two.end();
    turn();
    CHECK(store.all().empty());
}

TEST_CASE_METHOD(Fixture, "two sessions of one process end together") {
    Holder one;
    open(one, 1h);
    open(one, 2h);
    one.end();
    turn();
    turn();
    CHECK(store.all().empty());
}

TEST_CASE_METHOD(Fixture,
                 "the credential that counts is in date, not revoked, and the one that lasts longest") {
    Holder holder;
    const uint32_t uid = kUidMin + 1;
    open(holder, 0s);  // su from root
    CHECK(store.find_valid(uid, now, none_revoked) == nullptr);
    open(holder, 1h, "4a01");
    const uint64_t longest = open(holder, 3h, "4a02");
    open(holder, 2h, "4a03");
    REQUIRE(store.find_valid(uid, now, none_revoked));
    CHECK(store.find_valid(uid, now, none_revoked)->id == longest);
    const std::vector<std::string> revoked{"4a01", "4a02"};
    CHECK(store.find_valid(uid, now, revoked)->serial == "4a03");
    CHECK(store.find_valid(uid, now + 2h, revoked) == nullptr);
    CHECK(store.find_valid(uid, now + 3h, none_revoked) == nullptr);
    CHECK(store.find_valid(uid + 1, now, none_revoked) == nullptr);
    const auto opened = store.find_valid(uid, now, none_revoked)->opened;
    CHECK(store.find_valid(uid, now, none_revoked, opened) != nullptr);
    CHECK(store.find_valid(uid, now, none_revoked, opened + 1h) == nullptr);
}

TEST_CASE_METHOD(Fixture, "after a restart the sessions of living processes are there, and watched") {
    Holder dies, lives;
    open(dies, 1h);
    const uint64_t kept = open(lives, 1h);
    dies.end();  // while no daemon looks
    SessionStore again(database, loop);
    REQUIRE(again.load());
    std::vector<std::string> ended;
    again.listen({.closed = [&](const LoginSession&, std::string_view how) { ended.emplace_back(how); },
                  .exited = [&](const LoginSession& session) { again.forget(session.id); }});
    CHECK(ended == std::vector<std::string>{"its process ended while xosd was away"});
    REQUIRE(again.all().size() == 1);
    CHECK(again.all().at(kept).chain == "PEM");
    CHECK(again.all().at(kept).expires == now + 1h);
    lives.end();
    for (int i = 0; i < 5 && !again.all().empty(); ++i) turn();
    CHECK(again.all().empty());
    SessionStore last(database, loop);
    REQUIRE(last.load());
    last.listen({});
    CHECK(last.all().empty());
}

TEST_CASE_METHOD(Fixture, "a process number that belongs to another process now holds nothing") {
    Holder holder;
    open(holder, 1h);
    REQUIRE(database.execute("UPDATE session SET start_time = start_time + 1"));
    SessionStore again(database, loop);
    REQUIRE(again.load());
    again.listen({});
    CHECK(again.all().empty());
}

TEST_CASE_METHOD(Fixture, "without a process there is no session") {
    Holder holder;
    CHECK(store.open({}, holder.pid, UniqueFd()).error().code == Errc::unavailable);
    UniqueFd pidfd = holder.pidfd();
    const pid_t pid = holder.pid;
    holder.end();
    CHECK_FALSE(store.open({}, pid, std::move(pidfd)));
    CHECK(store.all().empty());
}

TEST_CASE_METHOD(Fixture, "a visit outlives its session") {
    Holder holder;
    LoginSession session;
    session.uid = kUidMin + 1;
    session.opened = now;
    session.home = "/home/xos/physics/user1";
    const auto id = must(store.open(session, holder.pid, holder.pidfd()));
    session.opened = now + 5s;
    CHECK(must(store.open(session, holder.pid, holder.pidfd())) != id);
    store.close(id, "done");
    auto visits = store.visits().find(kUidMin + 1);
    REQUIRE(visits);
    REQUIRE(visits->size() == 1);
    CHECK(visits->front().home == "/home/xos/physics/user1");
    CHECK(visits->front().last == now + 5s);
    CHECK(store.visits().list(kUidMin, kUidMax, 10).value() == std::vector<uint32_t>{kUidMin + 1});
    CHECK(store.visits().list(kUidMin + 2, kUidMax, 10)->empty());
    REQUIRE(store.visits().remove(kUidMin + 1, now));
    CHECK(store.visits().find(kUidMin + 1)->size() == 1);
    REQUIRE(store.visits().remove(kUidMin + 1, now + 5s));
    CHECK(store.visits().find(kUidMin + 1)->empty());
}

TEST_CASE_METHOD(Fixture, "a closed session is found again until its process has ended and is settled") {
    Holder holder;
    const uint64_t id = open(holder, 1h);
    std::vector<std::string> told;
    store.listen({.closed = [&](const LoginSession&, std::string_view how) { told.emplace_back(how); },
                  .exited =
                      [&](const LoginSession& session) {
                          CHECK(session.id == id);
                          told.emplace_back("exited");
                      }});
    store.close(id, "closed");
    CHECK(store.all().empty());
    CHECK(store.pidfd(id) >= 0);
    {
        SessionStore again(database, loop);  // xosd was killed here
        REQUIRE(again.load());
        CHECK(again.all().contains(id));
    }
    holder.end();
    turn();
    CHECK(told == std::vector<std::string>{"closed", "exited"});
    CHECK(store.pidfd(id) == -1);
    store.forget(id);
    SessionStore last(database, loop);
    REQUIRE(last.load());
    CHECK(last.all().empty());
}

TEST_CASE_METHOD(Fixture, "what is noted of a session survives a restart") {
    Holder holder;
    LoginSession session;
    session.login = "user1@physics";
    session.uid = kUidMin + 1;
    session.opened = now;
    session.fingerprint = "SHA256:abc";
    session.identity = {"/CN=Grid CA", "/CN=User One"};
    session.grid_serials = {"4a01", "0b"};
    const uint64_t id = must(store.open(session, holder.pid, holder.pidfd()));
    REQUIRE(store.note_key(id, 0x7fffffff));
    REQUIRE(store.note_cgroup(id, "/user.slice/session-3.scope"));
    REQUIRE(store.note_ending(id, "ended by root"));
    CHECK(store.note_key(id + 1, 1).error().code == Errc::not_found);
    SessionStore again(database, loop);
    REQUIRE(again.load());
    const LoginSession* read = again.find(id);
    REQUIRE(read != nullptr);
    CHECK(read->credential_key == 0x7fffffff);
    CHECK(read->cgroup == "/user.slice/session-3.scope");
    CHECK(read->ending == "ended by root");
    CHECK(read->fingerprint == "SHA256:abc");
    CHECK(read->identity == session.identity);
    CHECK(read->grid_serials == session.grid_serials);
    CHECK(read->start_time == store.find(id)->start_time);
}

TEST_CASE_METHOD(Fixture, "a user manager is no login") {
    Holder holder;
    LoginSession session;
    session.uid = kUidMin + 1;
    session.service = "systemd-user";
    REQUIRE(store.open(session, holder.pid, holder.pidfd()));
    CHECK(store.count(kUidMin + 1) == 0);
    open(holder, 1h);
    CHECK(store.count(kUidMin + 1) == 1);
    CHECK(store.find_chain(kUidMin + 1, "PEM") != nullptr);
    CHECK(store.find_chain(kUidMin + 2, "PEM") == nullptr);
    CHECK(store.find_chain(kUidMin + 1, "") == nullptr);
}

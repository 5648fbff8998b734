#include "xosd/shim/pam_server.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <optional>
#include <vector>

#include "tests/unit/session/as_root.h"
#include "tests/unit/ssh/command.h"
#include "tests/unit/vo/sample_vo.h"

using namespace xos;
using namespace xos::test;

namespace {

constexpr uid_t kKeys = 65430;

// Answers at once and looks at its query afterwards, or keeps the reply until it is asked for.
struct Handler : PamHandler {
    void answer_keys(const KeysQuery& query, std::function<void(const KeysReply&)> reply) override {
        ++keys;
        if (hold) {
            held.push_back(std::move(reply));
            return;
        }
        reply({{Verdict::permit, ""}, "line"});
        last_login = query.login;
    }
    void answer_account(const AccountQuery&, std::function<void(const AccountReply&)> reply) override {
        reply({{Verdict::permit, ""}});
    }
    void open_session(const OpenSession&, PamCaller caller,
                      std::function<void(const SessionReply&)> reply) override {
        caller_pid = caller.pidfd ? caller.pid : -1;
        if (hold) {
            held_session = std::move(reply);
            return;
        }
        answer_session(reply);
    }
    void answer_authenticate(const AuthenticateQuery&, PamCaller caller,
                             std::function<void(const AuthenticateReply&)> reply) override {
        caller_pid = caller.pidfd ? caller.pid : -1;
        reply({{Verdict::permit, ""}});
    }
    void note_keys(const NoteKeys& query, std::function<void(const NoteReply&)> reply) override {
        noted = query.keyring;
        reply({{Verdict::permit, ""}});
    }
    void close_session(const CloseSession& query, std::function<void(const CloseReply&)> reply) override {
        closed.push_back(query.session);
        reply({{Verdict::permit, ""}});
    }
    static void answer_session(const std::function<void(const SessionReply&)>& reply) {
        reply({{Verdict::permit, ""}, 5, "", 0, "/home/x", "physics", "user1"});
    }

    bool hold = false;
    int keys = 0;
    int32_t noted = 0;
    pid_t caller_pid = 0;
    std::string last_login;
    std::vector<std::function<void(const KeysReply&)>> held;
    std::function<void(const SessionReply&)> held_session;
    std::vector<uint64_t> closed;
};

template <typename Message>
std::vector<std::byte> packet(const Message& message) {
    std::vector<std::byte> bytes(kRequestMax);
    bytes.resize(encode_request(message, bytes).value());
    return bytes;
}

const KeysQuery kKeysQuery{"user1@physics", 7, "ssh-ed25519-cert-v01@openssh.com", "AAAA"};
const OpenSession kOpen{"user1@physics", "su", "", "", ""};

struct Fixture {
    TempDir dir;
    std::string path = dir.path / "pam";
    EventLoop loop = must(EventLoop::create());
    Handler handler;
    std::unique_ptr<PamServer> server;

    Fixture() {
        require_root();
        std::filesystem::permissions(dir.path, std::filesystem::perms(0755));
        server = must(PamServer::start(loop, {path, kKeys, kKeys}, handler));
    }
    UniqueFd connect_socket() const {
        UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fd.reset();
        return fd;
    }
    // What a process of uid gets for its packets: the reply's length, "closed", or "no connection".
    std::string ask(uid_t uid, const std::vector<std::vector<std::byte>>& packets, gid_t gid = kKeys) {
        return run_as(loop, uid, gid, [&]() -> std::string {
            const UniqueFd fd = connect_socket();
            if (!fd) return "no connection";
            for (const auto& bytes : packets) send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            char reply[kReplyMax];
            const ssize_t n = recv(fd.get(), reply, sizeof reply, 0);
            return n > 0 ? "reply" : "closed";
        });
    }
    void turn(int rounds = 20) {
        for (int i = 0; i < rounds; ++i) sd_event_run(loop.get(), 10'000);
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "root may ask everything, the keys command about keys only, others nothing") {
    CHECK(ask(0, {packet(kKeysQuery)}) == "reply");
    CHECK(ask(0, {packet(kOpen)}) == "reply");
    CHECK(handler.caller_pid > 0);
    CHECK(ask(0, {packet(CloseSession{5})}) == "reply");
    CHECK(handler.closed == std::vector<uint64_t>{5});
    CHECK(ask(0, {packet(NoteKeys{5, 77, 78})}) == "reply");
    CHECK(handler.noted == 77);
    CHECK(ask(0, {packet(AuthenticateQuery{"user1@physics", "su", "", "PEM"})}) == "reply");
    CHECK(ask(kKeys, {packet(NoteKeys{5, 79, 80})}) == "closed");
    CHECK(ask(kKeys, {packet(AuthenticateQuery{"user1@physics", "su", "", "PEM"})}) == "closed");
    CHECK(handler.noted == 77);

    CHECK(ask(kKeys, {packet(kKeysQuery)}) == "reply");
    handler.caller_pid = 0;
    CHECK(ask(kKeys, {packet(kOpen)}) == "closed");
    CHECK(ask(kKeys, {packet(CloseSession{5})}) == "closed");
    CHECK(ask(kKeys, {packet(AccountQuery{"user1@physics", "su"})}) == "closed");
    CHECK(handler.caller_pid == 0);
    CHECK(handler.closed.size() == 1);

    const int asked = handler.keys;
    CHECK(ask(kTestUid, {packet(kKeysQuery)}, kTestUid) == "no connection");
    CHECK(ask(kTestUid, {packet(kKeysQuery)}, kKeys) == "closed");  // though the mode lets it connect
    CHECK(handler.keys == asked);
}

TEST_CASE_METHOD(Fixture, "what is no request ends the connection") {
    CHECK(ask(0, {std::vector<std::byte>(10)}) == "closed");
    CHECK(ask(0, {std::vector<std::byte>(kRequestMax + 100)}) == "closed");
    auto longer = packet(kKeysQuery);
    longer.push_back(std::byte{0});
    CHECK(ask(0, {longer}) == "closed");
    CHECK(handler.keys == 0);
    CHECK(ask(0, {packet(kKeysQuery)}) == "reply");
}

TEST_CASE_METHOD(Fixture, "one request a connection") {
    // whether the reply arrives is the asker's own risk: what it sent too much resets the connection
    (void)ask(0, {packet(kKeysQuery), packet(kKeysQuery)});
    turn();
    CHECK(handler.keys == 1);
}

TEST_CASE_METHOD(Fixture, "a handler may look at its query after it has answered") {
    CHECK(ask(0, {packet(kKeysQuery)}) == "reply");
    CHECK(handler.last_login == "user1@physics");
}

TEST_CASE_METHOD(Fixture, "the keys command's share does not starve root's") {
    handler.hold = true;
    REQUIRE(setegid(kKeys) == 0);
    REQUIRE(seteuid(kKeys) == 0);
    std::vector<UniqueFd> connections;
    const auto query = packet(kKeysQuery);
    for (int i = 0; i < 300; ++i) {
        connections.push_back(connect_socket());
        send(connections.back().get(), query.data(), query.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        sd_event_run(loop.get(), 0);
        sd_event_run(loop.get(), 0);
    }
    REQUIRE(seteuid(0) == 0);
    REQUIRE(setegid(0) == 0);
    turn(400);
    CHECK(handler.held.size() == 256);
    handler.hold = false;
    CHECK(ask(0, {packet(kOpen)}) == "reply");
    // a reply frees its place
    handler.held.front()({{Verdict::deny, "no"}, ""});
    CHECK(ask(kKeys, {packet(kKeysQuery)}) == "reply");
    CHECK(ask(kKeys, {packet(kKeysQuery)}) == "reply");
}

TEST_CASE_METHOD(Fixture, "without a descriptor left the loop sleeps, and who waits is served afterwards") {
    // the loop's own descriptor for timers, which a daemon has long since
    REQUIRE(loop.after(std::chrono::hours(1), [] {}));
    const UniqueFd asker = connect_socket();
    const auto query = packet(kKeysQuery);
    REQUIRE(send(asker.get(), query.data(), query.size(), MSG_NOSIGNAL) > 0);
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    const int next = fcntl(asker.get(), F_DUPFD_CLOEXEC, 0);
    close(next);
    const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    int rounds = 0;
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
    for (; std::chrono::steady_clock::now() < end; ++rounds) sd_event_run(loop.get(), 50'000);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(rounds < 50);
    CHECK(handler.keys == 0);
    turn(60);
    CHECK(handler.keys == 1);
}

TEST_CASE_METHOD(Fixture, "a session of which nobody can be told is closed again") {
    handler.hold = true;
    {
        const UniqueFd asker = connect_socket();
        const auto open = packet(kOpen);
        REQUIRE(send(asker.get(), open.data(), open.size(), MSG_NOSIGNAL) > 0);
        turn();
        REQUIRE(handler.held_session);
    }
    Handler::answer_session(handler.held_session);
    CHECK(handler.closed == std::vector<uint64_t>{5});
}

TEST_CASE_METHOD(Fixture, "a reply may come after the server has gone") {
    handler.hold = true;
    const UniqueFd asker = connect_socket();
    const auto query = packet(kKeysQuery);
    REQUIRE(send(asker.get(), query.data(), query.size(), MSG_NOSIGNAL) > 0);
    turn();
    REQUIRE(handler.held.size() == 1);
    server.reset();
    handler.held.front()({{Verdict::permit, ""}, "line"});
    char reply[16];
    CHECK(recv(asker.get(), reply, sizeof reply, 0) == 0);
}

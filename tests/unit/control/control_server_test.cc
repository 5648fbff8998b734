#include "xosd/control/control_server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-varlink.h>
#include <unistd.h>

#include <array>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <stdexcept>

#include "tests/unit/session/as_root.h"
#include "tests/unit/ssh/command.h"
#include "tests/unit/trust/node_state.h"
#include "xosd/container/pidfd.h"
#include "xosd/control/interfaces.h"
#include "xosd/control/methods.h"
#include "xosd/daemon.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// "ERROR PARAMETERS" or "PARAMETERS", as a client sees them.
std::string call(const std::string& address, const std::string& method, const Json& parameters) {
    sd_varlink* link = nullptr;
    if (sd_varlink_connect_address(&link, address.c_str()) < 0) return "no connection";
    sd_json_variant* reply = nullptr;
    const char* error = nullptr;
    if (sd_varlink_call(link, method.c_str(), parameters.variant(), &reply, &error) < 0) return "no answer";
    return (error != nullptr ? error + std::string(" ") : "") +
           Json::adopt(sd_json_variant_ref(reply)).format();
}

// call() with a descriptor beside the parameters.
std::string call_with_descriptor(const std::string& address, const std::string& method) {
    sd_varlink* link = nullptr;
    if (sd_varlink_connect_address(&link, address.c_str()) < 0) return "no connection";
    if (sd_varlink_set_allow_fd_passing_output(link, 1) < 0 || sd_varlink_push_dup_fd(link, 0) < 0)
        return "no passing";
    sd_json_variant* reply = nullptr;
    const char* error = nullptr;
    if (sd_varlink_call(link, method.c_str(), nullptr, &reply, &error) < 0) return "no answer";
    return Json::adopt(sd_json_variant_ref(reply)).format();
}

size_t count_descriptors() {
    return static_cast<size_t>(std::ranges::distance(std::filesystem::directory_iterator("/proc/self/fd")));
}

// The beginning of a call, with as many descriptors as one message takes (unix(7): SCM_MAX_FD).
bool send_half_a_call(int link) {
    std::array<int, 253> passed;
    passed.fill(link);
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof passed)> control{};
    std::string text = R"({"method":"org.xtr)";
    iovec part{text.data(), text.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof passed);
    std::copy_n(reinterpret_cast<const char*>(passed.data()), sizeof passed,
                reinterpret_cast<char*>(CMSG_DATA(header)));
    return sendmsg(link, &message, MSG_NOSIGNAL) > 0;
}

struct Fixture {
    TempDir dir;
    std::string path = dir.path / "control";
    EventLoop loop = must(EventLoop::create());
    std::unique_ptr<ControlServer> server;

    Fixture() {
        require_root();
        std::filesystem::permissions(dir.path, std::filesystem::perms(0755));
        server = must(ControlServer::start(loop, path));
        REQUIRE(server->add_interface(&xos_interface_node));
    }
    std::string ask(const std::string& method, const Json& parameters = JsonObject().build(), uid_t uid = 0) {
        return run_as(loop, uid, uid, [&] { return call(path, method, parameters); });
    }
    void bind(const char* name, ControlMethod method) { REQUIRE(server->bind(name, std::move(method))); }
};

// The real methods over a daemon that has VOs and sessions, and neither jobs nor logins.
struct DaemonFixture : Fixture {
    Daemon daemon{loop, {"/nonexistent/node.yaml"}};
    DaemonFixture() {
        daemon.database = std::make_unique<Database>(must(Database::open(":memory:")));
        daemon.ledger = std::make_unique<UidLedger>(must(UidLedger::open(*daemon.database)));
        daemon.trust = std::make_unique<TrustStore>(loop, *daemon.database, *daemon.ledger, daemon.config);
        REQUIRE(daemon.trust->load());
        daemon.sessions = std::make_unique<SessionStore>(*daemon.database, loop);
        REQUIRE(daemon.sessions->load());
        daemon.audit =
            std::make_unique<AuditLog>(AuditLog::Options{.path = dir.path / "audit.log", .journal = ""});
        daemon.supervisor = std::make_unique<SessionSupervisor>(
            SessionSupervisor::Parts{loop, daemon.config, *daemon.trust, *daemon.sessions, *daemon.audit});
        daemon.accounts = std::make_unique<AccountService>(AccountService::Parts{
            loop, *daemon.database, daemon.config, *daemon.trust, *daemon.ledger, *daemon.sessions});
        server = must(ControlServer::start(loop, path + "2"));
        path += "2";
        for (const auto bind_all :
             {bind_node_methods, bind_trust_methods, bind_session_methods, bind_account_methods})
            REQUIRE(bind_all(*server, daemon));
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a method knows its caller and answers, at once or later") {
    Respond later;
    bind("org.xtreemos.test.Who", [](const Caller& caller, const Json& parameters, Respond respond) {
        const JsonNode root = parameters.root();
        respond(ControlReply{JsonObject()
                                 .set("uid", Json::integer(caller.uid))
                                 .set("word", Json::string(root.string("word", 10).value_or("none")))
                                 .build(),
                             {}});
    });
    bind("org.xtreemos.test.Later",
         [&](const Caller&, const Json&, Respond respond) { later = std::move(respond); });
    CHECK(ask("org.xtreemos.test.Who", JsonObject().set("word", Json::string("hi")).build()) ==
          R"({"uid":0,"word":"hi"})");
    CHECK(ask("org.xtreemos.test.Who", JsonObject().build(), kTestUid) == R"({"uid":65431,"word":"none"})");
    auto timer =
        loop.after(std::chrono::milliseconds(200), [&] { later(ControlReply{JsonObject().build(), {}}); });
    CHECK(ask("org.xtreemos.test.Later") == "{}");
    CHECK_THAT(ask("org.xtreemos.test.Nothing"), ContainsSubstring("org.varlink.service.MethodNotFound"));
}

TEST_CASE_METHOD(Fixture, "failures have a code and a message") {
    bind("org.xtreemos.test.Fail", [](const Caller&, const Json&, const Respond& respond) {
        respond(failure(Errc::conflict, "it's taken"));
    });
    bind("org.xtreemos.test.Throw",
         [](const Caller&, const Json&, const Respond&) { throw std::runtime_error("bad"); });
    bind("org.xtreemos.test.Long", [](const Caller&, const Json&, const Respond& respond) {
        respond(ControlReply{JsonObject().set("text", Json::string(std::string(17 << 20, 'x'))).build(), {}});
    });
    CHECK(ask("org.xtreemos.test.Fail") ==
          R"(org.xtreemos.Node.Failed {"code":"conflict","message":"it's taken"})");
    CHECK_THAT(ask("org.xtreemos.test.Throw"), ContainsSubstring(R"("code":"system")"));
    CHECK_THAT(ask("org.xtreemos.test.Long"), ContainsSubstring("too long"));
    for (const Errc code : {Errc::not_found, Errc::denied, Errc::invalid, Errc::unavailable, Errc::timeout})
        CHECK(errc_name(code) != "system");
}

TEST_CASE_METHOD(Fixture, "a caller that goes while its answer is made costs nothing") {
    std::vector<Respond> pending;
    bind("org.xtreemos.test.Wait",
         [&](const Caller&, const Json&, Respond respond) { pending.push_back(std::move(respond)); });
    bind("org.xtreemos.test.Now", [](const Caller&, const Json&, const Respond& respond) {
        respond(ControlReply{JsonObject().build(), {}});
    });
    for (size_t i = 0; i < 40; ++i) {  // more than one user may have at a time
        run_as(loop, kTestUid, kTestUid, [&]() -> std::string {
            sd_varlink* link = nullptr;
            if (sd_varlink_connect_address(&link, path.c_str()) < 0) _exit(1);
            sd_varlink_send(link, "org.xtreemos.test.Wait", nullptr);
            sd_varlink_flush(link);
            _exit(0);
        });
        for (int round = 0; round < 20 && pending.size() <= i; ++round) sd_event_run(loop.get(), 10'000);
    }
    int rounds = 0;
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
    for (; std::chrono::steady_clock::now() < end; ++rounds) sd_event_run(loop.get(), 100'000);
    CHECK(rounds < 100);  // it sleeps
    CHECK(ask("org.xtreemos.test.Now", JsonObject().build(), kTestUid) == "{}");
    for (const Respond& respond : pending) respond(ControlReply{JsonObject().build(), {}});
    CHECK(ask("org.xtreemos.test.Now", JsonObject().build(), kTestUid) == "{}");
}

TEST_CASE_METHOD(Fixture, "descriptors are root's to pass") {
    bind("org.xtreemos.test.Passed", [](const Caller& caller, const Json&, const Respond& respond) {
        respond(ControlReply{JsonObject().set("passed", Json::boolean(caller.fd >= 0)).build(), {}});
    });
    const auto ask_with_descriptor = [&](uid_t uid) {
        return run_as(loop, uid, uid, [&] { return call_with_descriptor(path, "org.xtreemos.test.Passed"); });
    };
    CHECK(ask_with_descriptor(0) == R"({"passed":true})");
    CHECK(ask_with_descriptor(kTestUid) == R"({"passed":false})");

    const UniqueFd link(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(seteuid(kTestUid) == 0);
    const int connected = connect(link.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    REQUIRE(seteuid(0) == 0);
    REQUIRE(connected == 0);
    for (int i = 0; i < 20; ++i) sd_event_run(loop.get(), 10'000);
    const size_t before = count_descriptors();
    for (int send = 0; send < 2; ++send) {
        REQUIRE(send_half_a_call(link.get()));
        for (int i = 0; i < 20; ++i) sd_event_run(loop.get(), 10'000);
        CHECK(count_descriptors() == before);
    }
}

TEST_CASE_METHOD(DaemonFixture, "what changes the node is root's to ask") {
    const Json apply = JsonObject().build();
    const Json url = JsonObject().set("url", Json::string("https://vo.example.org/bundle")).build();
    const Json vo = JsonObject().set("vo", Json::string("physics")).build();
    for (const auto& [method, parameters] : {std::pair{"org.xtreemos.Trust.Apply", apply},
                                             {"org.xtreemos.Trust.Follow", url},
                                             {"org.xtreemos.Trust.Refresh", vo},
                                             {"org.xtreemos.Trust.Remove", vo},
                                             {"org.xtreemos.Node.Reload", JsonObject().build()}})
        CHECK_THAT(ask(method, parameters, kTestUid), ContainsSubstring(R"("code":"denied")"));
    const std::string refused = run_as(
        loop, kTestUid, kTestUid, [&] { return call_with_descriptor(path, "org.xtreemos.Trust.Apply"); });
    CHECK_THAT(refused, ContainsSubstring(R"("code":"denied")"));
    CHECK_THAT(ask("org.xtreemos.Trust.Apply", apply), ContainsSubstring("no bundle came with the call"));
    CHECK_THAT(ask("org.xtreemos.Trust.Remove", vo), ContainsSubstring("is not trusted here"));
    CHECK_THAT(ask("org.xtreemos.Trust.Refresh", apply), ContainsSubstring("InvalidParameter"));
}

TEST_CASE_METHOD(DaemonFixture, "everybody may ask what is no secret, and sees the own sessions only") {
    const SampleVo physics = make_live_vo();
    REQUIRE(daemon.trust->apply(physics.seal(), physics.fingerprint()));
    LoginSession session;
    session.login = "user1@physics";
    session.uid = kUidMin + 1;
    REQUIRE(daemon.sessions->open(std::move(session), getpid(), UniqueFd(pidfd_open(getpid(), 0))));
    CHECK_THAT(ask("org.xtreemos.Trust.ListVos", JsonObject().build(), kTestUid),
               ContainsSubstring(physics.fingerprint()));
    CHECK_THAT(ask("org.xtreemos.Node.Status", JsonObject().build(), kTestUid),
               ContainsSubstring(R"("accounts":2)"));
    const Json question = JsonObject()
                              .set("login", Json::string("user1@physics"))
                              .set("action", Json::string("submit"))
                              .build();
    CHECK_THAT(ask("org.xtreemos.Node.Explain", question, kTestUid), ContainsSubstring(R"("permit":false)"));
    CHECK(ask("org.xtreemos.Session.ListSessions", JsonObject().build(), kTestUid) == R"({"sessions":[]})");
    CHECK_THAT(ask("org.xtreemos.Session.ListSessions", JsonObject().build(), kUidMin + 1),
               ContainsSubstring("user1@physics"));
    CHECK_THAT(ask("org.xtreemos.Session.ListSessions"), ContainsSubstring("user1@physics"));
    const Json own = JsonObject().set("session", Json::integer(1)).build();
    CHECK_THAT(ask("org.xtreemos.Session.ShowSession", own, kTestUid), ContainsSubstring(R"("not-found")"));
    CHECK_THAT(ask("org.xtreemos.Session.EndSession", own, kTestUid), ContainsSubstring(R"("not-found")"));
    CHECK_THAT(ask("org.xtreemos.Session.ShowSession", own, kUidMin + 1), ContainsSubstring("user1@physics"));
    CHECK_THAT(ask("org.xtreemos.Session.ShowSession"), ContainsSubstring("InvalidParameter"));
}

TEST_CASE_METHOD(DaemonFixture, "accounts are everybody's to list, root's to purge") {
    const SampleVo physics = make_live_vo();
    REQUIRE(daemon.trust->apply(physics.seal(), physics.fingerprint()));
    const std::string user1 = std::to_string(kUidMin + 1);
    const Json all = JsonObject().set("all", Json::boolean(true)).build();
    CHECK_THAT(ask("org.xtreemos.Account.List", all), ContainsSubstring(R"("state":"suspended")"));
    const std::string others = ask("org.xtreemos.Account.List", all, kTestUid);
    CHECK_THAT(others,
               ContainsSubstring("{\"login\":\"user1@physics\",\"uid\":" + user1 + ",\"vo\":\"physics\"}"));
    CHECK_FALSE(others.contains("state"));
    CHECK(ask("org.xtreemos.Account.List", JsonObject().set("all", Json::boolean(false)).build()) ==
          R"({"accounts":[]})");
    const Json login = JsonObject().set("login", Json::string("user1@physics")).build();
    CHECK_THAT(ask("org.xtreemos.Account.Show", login, kTestUid), ContainsSubstring("\"uid\":" + user1));
    CHECK_THAT(ask("org.xtreemos.Account.Show", login, kUidMin + 1),
               ContainsSubstring(R"("state":"member")"));
    const auto purge = [&](const char* key, Json value, uid_t uid) {
        return ask("org.xtreemos.Account.Purge",
                   JsonObject().set(key, std::move(value)).set("dryRun", Json::boolean(true)).build(), uid);
    };
    CHECK_THAT(purge("uid", Json::integer(kUidMin + 1), kUidMin + 1),
               ContainsSubstring(R"("code":"denied")"));
    CHECK_THAT(purge("uid", Json::integer(kUidMin + 1), 0), ContainsSubstring("still a member"));
    CHECK_THAT(purge("uid", Json::signed_integer(-1), 0), ContainsSubstring(R"("code":"invalid")"));
    CHECK_THAT(purge("login", Json::string(""), 0), ContainsSubstring(R"("code":"invalid")"));
    CHECK_THAT(purge("login", Json::string(std::string(4096, 'a')), 0),
               ContainsSubstring(R"("code":"invalid")"));
    CHECK_THAT(ask("org.xtreemos.Account.Show", JsonObject().build()),
               ContainsSubstring("either login or uid"));
    CHECK_THAT(ask("org.xtreemos.Account.List", JsonObject().set("all", Json::string("yes")).build()),
               ContainsSubstring("InvalidParameter"));
}

TEST_CASE_METHOD(DaemonFixture, "the interfaces describe themselves") {
    for (const auto& [name, method] : {std::pair{"org.xtreemos.Node", "method Explain("},
                                       {"org.xtreemos.Trust", "method Apply("},
                                       {"org.xtreemos.Account", "method Purge("},
                                       {"org.xtreemos.Session", "method ListSessions("}}) {
        const std::string text = ask("org.varlink.service.GetInterfaceDescription",
                                     JsonObject().set("interface", Json::string(name)).build());
        CHECK_THAT(text, ContainsSubstring(method));
    }
}

#include "xosd/session/login_service.h"

#include <unistd.h>

#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>

#include "common/file.h"
#include "tests/unit/session/verifying_node.h"
#include "tests/unit/verifier/grid_fixture.h"
#include "xosd/container/pidfd.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Fixture : VerifyingNode {
    SessionStore sessions{database, loop};
    const std::string audit_path = dir.path / "audit.log";
    AuditLog audit{{.path = audit_path, .journal = ""}};
    std::optional<SessionSupervisor> supervisor;
    std::optional<LoginService> service;

    Fixture() {
        config.home_root = dir.path / "homes";
        REQUIRE(sessions.load());
        supervisor.emplace(SessionSupervisor::Parts{loop, config, trust, sessions, audit});
        service.emplace(LoginService::Parts{loop, config, trust, sessions, *supervisor, *verifier, audit});
    }
    std::string last_audit() const {
        std::string text = must(read_file(audit_path, 1 << 20));
        text.pop_back();
        return text.substr(text.rfind('\n') + 1);
    }
    std::string certificate() const { return encode_base64(as_bytes(wrap_any(ca.issue("user1", key), key))); }
    std::string auth_info() const { return "publickey " + std::string(kSshCertType) + " " + certificate(); }

    // The verdict, and what came with it.
    struct Answer {
        Verdict verdict = Verdict::unavailable;
        std::string reason, line, chain, home;
        uint64_t session = 0;
        bool there = false;
    };
    template <typename Ask>
    Answer wait(Ask ask) {
        const auto answer = std::make_shared<Answer>();
        ask(answer);
        for (int i = 0; i < 200 && !answer->there; ++i) sd_event_run(loop.get(), 50'000);
        REQUIRE(answer->there);
        return *answer;
    }
    Answer ask_keys(const std::string& login, uint32_t asked_uid, std::string_view type,
                    const std::string& blob) {
        return wait([&](const std::shared_ptr<Answer>& answer) {
            service->answer_keys({login, asked_uid, type, blob, "192.0.2.7"},
                                 [answer](const KeysReply& reply) {
                                     *answer = {reply.answer.verdict,
                                                std::string(reply.answer.reason),
                                                std::string(reply.line),
                                                "",
                                                "",
                                                0,
                                                true};
                                 });
        });
    }
    Answer open(std::string_view service_name, const std::string& auth,
                const std::string& login = "user1@physics") {
        return wait([&](const std::shared_ptr<Answer>& answer) {
            PamCaller caller{getpid(), 0, UniqueFd(pidfd_open(getpid(), 0))};
            service->open_session({login, service_name, "desk", "", auth}, std::move(caller),
                                  [answer](const SessionReply& reply) {
                                      *answer = {reply.answer.verdict,
                                                 std::string(reply.answer.reason),
                                                 "",
                                                 std::string(reply.chain),
                                                 std::string(reply.home),
                                                 reply.session,
                                                 true};
                                  });
        });
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a certified key gets its line, for its own login name and uid only") {
    const Answer answer = ask_keys("user1@physics", uid, kSshCertType, certificate());
    CHECK(answer.verdict == Verdict::permit);
    CHECK_THAT(answer.line, ContainsSubstring("cert-authority,restrict,pty"));
    CHECK_THAT(answer.line, ContainsSubstring("principals=\"user1@physics\""));
    CHECK(sessions.all().empty());
    CHECK_FALSE(std::filesystem::exists(config.home_root));  // nothing lasting before the session

    CHECK(ask_keys("user1@physics", 1000, kSshCertType, certificate()).verdict == Verdict::deny);
    CHECK(ask_keys("user2@physics", uid, kSshCertType, certificate()).verdict == Verdict::deny);
    CHECK(ask_keys("user1@bio", uid, kSshCertType, certificate()).verdict == Verdict::deny);
    CHECK(ask_keys("root", 0, kSshCertType, certificate()).verdict == Verdict::deny);
    CHECK(ask_keys("user1@physics", uid, "ssh-ed25519", certificate()).verdict == Verdict::deny);
    CHECK(ask_keys("user1@physics", uid, kSshCertType, "AAAA").verdict == Verdict::deny);
    CHECK_THAT(last_audit(), ContainsSubstring(R"("event":"login","decision":"refuse")"));
    CHECK_THAT(last_audit(), ContainsSubstring(R"("remoteHost":"192.0.2.7")"));
}

TEST_CASE_METHOD(Fixture, "one certificate is verified once a login, and judged each time") {
    const std::string blob = certificate();
    const uint64_t asked = verifier->asked();
    CHECK(ask_keys("user1@physics", uid, kSshCertType, blob).verdict == Verdict::permit);
    CHECK(ask_keys("user1@physics", uid, kSshCertType, blob).verdict == Verdict::permit);
    CHECK(verifier->asked() == asked + 1);
    CHECK(ask_keys("user1@physics", 1000, kSshCertType, blob).verdict == Verdict::deny);
    physics.bundle.members[0].suspended = true;
    apply();
    CHECK(ask_keys("user1@physics", uid, kSshCertType, blob).verdict == Verdict::deny);
    physics.bundle.members[0].suspended = false;
    physics.bundle.members[0].credentials_from = now_seconds() + 1h;
    apply();
    CHECK(ask_keys("user1@physics", uid, kSshCertType, blob).verdict == Verdict::deny);
    physics.bundle.members[0].credentials_from = {};
    physics.bundle.vo.ca_certificate = TestVo("physics").certificate;  // the VO changed its CA
    apply();
    CHECK(ask_keys("user1@physics", uid, kSshCertType, blob).verdict == Verdict::deny);
    CHECK(verifier->asked() == asked + 2);
}

TEST_CASE_METHOD(Fixture, "a stolen chain around another key is refused") {
    const SigningKey thief = *SigningKey::generate();
    const std::string blob = encode_base64(as_bytes(wrap_any(ca.issue("user1", key), thief)));
    CHECK(ask_keys("user1@physics", uid, kSshCertType, blob).verdict == Verdict::deny);
}

TEST_CASE_METHOD(Fixture, "a session has its credential and its home") {
    const Answer answer = open("sshd", auth_info());
    INFO(answer.reason);
    REQUIRE(answer.verdict == Verdict::permit);
    CHECK_THAT(answer.chain, ContainsSubstring("BEGIN CERTIFICATE"));
    CHECK(answer.home == config.home_root + "/physics/user1");
    CHECK(std::filesystem::is_directory(answer.home));
    REQUIRE(sessions.all().contains(answer.session));
    const LoginSession& session = sessions.all().at(answer.session);
    CHECK(session.uid == uid);
    CHECK(session.login == "user1@physics");
    CHECK(sessions.find_valid(uid, now_seconds(), {}) == &session);
    service->close_session({answer.session}, [](const CloseReply&) {});
    CHECK(sessions.all().empty());
}

TEST_CASE_METHOD(Fixture, "without a credential: never by sshd, by others as policy says") {
    CHECK(open("sshd", "").verdict == Verdict::deny);
    allow("login, pty, submit");
    CHECK(open("su", "").verdict == Verdict::deny);
    CHECK(sessions.all().empty());
    CHECK_FALSE(std::filesystem::exists(config.home_root));
    allow("su");
    const Answer answer = open("su", "");
    REQUIRE(answer.verdict == Verdict::permit);
    CHECK(answer.chain.empty());
    CHECK(sessions.find_valid(uid, now_seconds(), {}) == nullptr);
    CHECK(open("su", "", "user2@physics").verdict == Verdict::deny);
    CHECK(open("sshd", auth_info()).verdict == Verdict::deny);  // su is not login
}

TEST_CASE_METHOD(Fixture, "su to the own name has the session's credential, by the same process alone") {
    allow("login, pty");
    const Answer session = open("sshd", auth_info());
    REQUIRE(session.verdict == Verdict::permit);
    const auto authenticate = [&](const std::string& login, const std::string& chain, pid_t pid) {
        Verdict verdict = Verdict::unavailable;
        service->answer_authenticate({login, "su", "", chain}, {pid, 0, UniqueFd(pidfd_open(pid, 0))},
                                     [&](const AuthenticateReply& reply) { verdict = reply.answer.verdict; });
        return verdict;
    };
    CHECK(authenticate("user1@physics", session.chain + "x", getpid()) == Verdict::deny);
    CHECK(authenticate("user2@physics", session.chain, getpid()) == Verdict::deny);
    CHECK(open("su", "").verdict == Verdict::deny);  // policy has no su
    CHECK(authenticate("user1@physics", session.chain, getppid()) == Verdict::permit);
    CHECK(open("su", "").verdict == Verdict::deny);  // another process
    CHECK(authenticate("user1@physics", session.chain, getpid()) == Verdict::permit);
    CHECK_THAT(last_audit(), ContainsSubstring(R"("event":"authentication","decision":"permit")"));
    const Answer own = open("su", "");
    REQUIRE(own.verdict == Verdict::permit);
    CHECK(own.chain == session.chain);
    CHECK(open("su", "").verdict == Verdict::deny);  // once
    SECTION("not when its session has ended") {
        sessions.close(session.session, "closed");
        sessions.close(own.session, "closed");
    }
    SECTION("nor when its credential is revoked") {
        physics.bundle.revoked_serials.push_back(sessions.find(session.session)->serial);
        apply();
    }
    CHECK(authenticate("user1@physics", session.chain, getpid()) == Verdict::deny);
}

TEST_CASE_METHOD(Fixture, "what runs unattended needs a delegated credential") {
    const auto account = [&](std::string_view name) {
        Verdict verdict = Verdict::unavailable;
        service->answer_account({"user1@physics", name},
                                [&](const AccountReply& reply) { verdict = reply.answer.verdict; });
        return verdict;
    };
    CHECK(account("cron") == Verdict::expired);
    CHECK(account("atd") == Verdict::expired);
    CHECK(account("systemd-user") == Verdict::expired);
    CHECK(open("cron", "").verdict == Verdict::deny);
    REQUIRE(open("sshd", auth_info()).verdict == Verdict::permit);
    CHECK(account("cron") == Verdict::expired);  // a session is not enough
    CHECK(account("systemd-user") == Verdict::permit);
    const Answer manager = open("systemd-user", "");
    REQUIRE(manager.verdict == Verdict::permit);
    CHECK_THAT(manager.chain, ContainsSubstring("BEGIN CERTIFICATE"));
}

TEST_CASE_METHOD(Fixture, "a user manager beside a session without a credential has none, and needs su") {
    allow("su");
    REQUIRE(open("su", "").verdict == Verdict::permit);
    const Answer manager = open("systemd-user", "");
    REQUIRE(manager.verdict == Verdict::permit);
    CHECK(manager.chain.empty());
    allow("login");
    CHECK(open("systemd-user", "").verdict == Verdict::deny);
}

TEST_CASE_METHOD(Fixture, "limits go to what has a scope, not to the user manager") {
    config.policy =
        must(parse_policy("- {allow: [login], limits: {memory: 3G, processes: 20}}", "node policy"));
    struct Told {
        uint64_t memory = 0, processes = 0;
        bool there = false;
    };
    const auto limits_of = [&](std::string_view name, const std::string& auth) {
        const auto told = std::make_shared<Told>();
        PamCaller caller{getpid(), 0, UniqueFd(pidfd_open(getpid(), 0))};
        service->open_session(
            {"user1@physics", name, "", "", auth}, std::move(caller),
            [told](const SessionReply& reply) { *told = {reply.memory, reply.processes, true}; });
        for (int i = 0; i < 200 && !told->there; ++i) sd_event_run(loop.get(), 50'000);
        REQUIRE(told->there);
        return *told;
    };
    const Told session = limits_of("sshd", auth_info());
    CHECK(session.memory == 3ull << 30);
    CHECK(session.processes == 20);
    const Told manager = limits_of("systemd-user", "");
    CHECK(manager.memory == 0);
    CHECK(manager.processes == 0);
}

TEST_CASE_METHOD(Fixture, "a VO that is given up while the verifier works lets nobody in") {
    bool answered = false;
    Verdict verdict = Verdict::permit;
    service->answer_keys({"user1@physics", uid, kSshCertType, certificate()}, [&](const KeysReply& reply) {
        answered = true;
        verdict = reply.answer.verdict;
    });
    CHECK_FALSE(answered);
    REQUIRE(trust.remove("physics"));
    for (int i = 0; i < 200 && !answered; ++i) sd_event_run(loop.get(), 50'000);
    CHECK(verdict == Verdict::deny);
}

TEST_CASE_METHOD(Fixture, "a home that cannot be made refuses the session") {
    std::filesystem::create_directories(config.home_root + "/physics/user1");  // root's
    const Answer answer = open("sshd", auth_info());
    CHECK(answer.verdict == Verdict::unavailable);
    CHECK_THAT(answer.reason, ContainsSubstring("move it away"));
    CHECK(sessions.all().empty());
}

TEST_CASE_METHOD(Fixture, "an account is known while its member is") {
    const auto verdict_of = [&](std::string_view login) {
        Verdict verdict = Verdict::unavailable;
        service->answer_account({login, "su"},
                                [&](const AccountReply& reply) { verdict = reply.answer.verdict; });
        return verdict;
    };
    CHECK(verdict_of("user1@physics") == Verdict::permit);
    CHECK(verdict_of("user2@physics") == Verdict::deny);
    CHECK(verdict_of("user1@bio") == Verdict::deny);
    physics.bundle.serial = 8;
    physics.bundle.members[0].suspended = true;
    REQUIRE(trust.apply(physics.seal(), ""));
    CHECK(verdict_of("user1@physics") == Verdict::deny);
}

TEST_CASE_METHOD(Fixture,
                 "a genuine VOMS proxy logs in through the sandboxed verifier, until it is revoked") {
    TestGrid grid("RSA-2048");
    const std::string file = genuine_proxy(grid, {"-rfc"});
    const PkeyPtr proxy_key = key_of(file);
    REQUIRE(proxy_key);
    const std::string type(ssh_cert_type(KeyType::rsa));
    const std::string blob = encode_base64(as_bytes(wrap_grid(certificates_of(file), proxy_key.get())));
    const auto ask = [&] { return ask_keys("user1@physics", uid, type, blob); };
    physics.bundle.voms = grid.trust.trust;
    physics.bundle.crls = grid.trust.crls;
    apply();
    CHECK_THAT(ask().reason, ContainsSubstring("voms: accept in node.yaml"));
    config.voms_accept = {"physics"};
    CHECK_THAT(ask().reason, ContainsSubstring("/DC=org/DC=example/O=Users/CN=User One by"));
    const GridIdentity identity{"/DC=org/DC=example/CN=Grid CA", "/DC=org/DC=example/O=Users/CN=User One"};
    physics.bundle.members[0].identities = {identity};
    apply();
    const Answer good = ask();
    CHECK(good.reason == "");
    REQUIRE(good.verdict == Verdict::permit);
    CHECK_THAT(good.line, ContainsSubstring(" ssh-rsa AAAA"));
    const Answer session = open("sshd", "publickey " + type + " " + blob);
    REQUIRE(session.verdict == Verdict::permit);
    CHECK(session.chain == certificates_of(file));
    CHECK_THAT(session.chain, !ContainsSubstring("PRIVATE"));

    SECTION("by its identity") {
        physics.bundle.revoked_identities = {identity};
    }
    SECTION("by the list of its CA") {
        physics.bundle.crls = {grid.ca.list({grid.user.x509()})};
    }
    SECTION("by the serial of the proxy") {
        const auto leaf = parse_certificate(split_pem_chain(certificates_of(file))->front(), "");
        physics.bundle.revoked_serials.push_back(*read_serial(leaf->get()));
    }
    SECTION("by the serial of the user's certificate") {
        physics.bundle.revoked_serials.push_back(*read_serial(grid.user.x509()));
    }
    SECTION("with its member") {
        physics.bundle.members[0].identities.clear();
    }
    SECTION("when the VO no longer trusts the server") {
        physics.bundle.voms->servers = {grid.ca.issue(host_name("voms.example.org")).der()};
    }
    apply();
    const auto given = std::chrono::steady_clock::now();
    CHECK(ask().verdict == Verdict::deny);
    CHECK(std::chrono::steady_clock::now() - given < 1s);
}

TEST_CASE_METHOD(Fixture, "all that a VO may trust for VOMS reaches the verifier") {
    TestGrid grid;
    VomsRequest& voms = grid.trust;
    while (voms.trust.anchors.size() < kVomsAnchorsMax)
        voms.trust.anchors.push_back(GridCa("CA " + std::to_string(voms.trust.anchors.size())).self.der());
    std::vector<X509Ptr> revoked;
    std::vector<const X509*> many;
    for (int i = 0; i < 2500; ++i) {
        revoked.emplace_back(X509_new());
        ASN1_INTEGER_set(X509_get_serialNumber(revoked.back().get()), 1'000'000 + i);
        many.push_back(revoked.back().get());
    }
    const GridCa other("Large CA");
    voms.crls.assign(kCrlsMax - 1, other.list(many));
    voms.crls.push_back(grid.ca.list());
    REQUIRE(voms.crls.front().size() > 40'000);
    REQUIRE(voms.crls.front().size() <= kCrlMax);
    const Entity proxy = grid.proxy();
    VerifyRequest request = grid.request(proxy);
    std::optional<Outcome<VerifiedCredential>> answer;
    verifier->verify(std::move(request),
                     [&](Outcome<VerifiedCredential> credential) { answer = credential; });
    for (int i = 0; i < 200 && !answer; ++i) sd_event_run(loop.get(), 50'000);
    REQUIRE(answer);
    INFO((*answer ? "" : answer->error().message));
    CHECK(answer->has_value());
}

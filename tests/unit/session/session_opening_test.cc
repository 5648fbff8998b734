#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>

#include "tests/unit/session/login_node.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE_METHOD(LoginNode, "a session has its credential and its home") {
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

TEST_CASE_METHOD(LoginNode, "without a credential: never by sshd, by others as policy says") {
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

TEST_CASE_METHOD(LoginNode, "su to the own name has the session's credential, by the same process alone") {
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

TEST_CASE_METHOD(LoginNode, "what runs unattended needs a delegated credential") {
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

TEST_CASE_METHOD(LoginNode, "a user manager beside a session without a credential has none, and needs su") {
    allow("su");
    REQUIRE(open("su", "").verdict == Verdict::permit);
    const Answer manager = open("systemd-user", "");
    REQUIRE(manager.verdict == Verdict::permit);
    CHECK(manager.chain.empty());
    allow("login");
    CHECK(open("systemd-user", "").verdict == Verdict::deny);
}

TEST_CASE_METHOD(LoginNode, "limits go to what has a scope, not to the user manager") {
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

TEST_CASE_METHOD(LoginNode, "a home that cannot be made refuses the session") {
    std::filesystem::create_directories(config.home_root + "/physics/user1");  // root's
    const Answer answer = open("sshd", auth_info());
    CHECK(answer.verdict == Verdict::unavailable);
    CHECK_THAT(answer.reason, ContainsSubstring("move it away"));
    CHECK(sessions.all().empty());
}

#include "xosd/verifier/verifier_client.h"

#include <signal.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "tests/unit/verifier/credential_fixture.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// The event loop of a daemon with a verifier. Programs come from the build: see meson.build.
struct Daemon {
    explicit Daemon(const char* program, VerifierOptions options = {}) {
        sd_event_new(&event);
        options.program = std::getenv(program);
        options.uid = geteuid() == 0 ? 65432 : geteuid();
        options.gid = geteuid() == 0 ? 65432 : getegid();
        auto started = VerifierClient::start(event, options);
        REQUIRE(started);
        client = std::move(*started);
    }
    ~Daemon() {
        client.reset();
        sd_event_unref(event);
    }
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    void ask(VerifyRequest request) {
        const size_t at = answers.size();
        answers.emplace_back();
        client->verify(std::move(request), [this, at](Outcome<VerifiedCredential> credential) {
            order.push_back(at);
            answers[at] = std::move(credential);
        });
    }
    void ask(const std::string& words) {
        ask(VerifyRequest{.ssh_key = words, .ca_certificate = {}, .vo = "physics", .now = test_now()});
    }
    // Runs the loop until all that was asked is answered.
    void wait() {
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (order.size() < answers.size() && std::chrono::steady_clock::now() < end)
            sd_event_run(event, 100'000);
        REQUIRE(order.size() == answers.size());
    }
    Errc code(size_t at) const {
        return answers[at] && !*answers[at] ? answers[at]->error().code : Errc::system;
    }
    std::string message(size_t at) const {
        return answers[at] && !*answers[at] ? answers[at]->error().message : "accepted";
    }
    // The verifiers that this process has started and that still run.
    static std::vector<pid_t> children() {
        const std::string self = std::to_string(getpid());
        std::ifstream list("/proc/self/task/" + self + "/children");
        std::vector<pid_t> pids;
        for (pid_t pid = 0; list >> pid;) pids.push_back(pid);
        return pids;
    }

    sd_event* event = nullptr;
    std::unique_ptr<VerifierClient> client;
    std::vector<std::optional<Outcome<VerifiedCredential>>> answers;
    std::vector<size_t> order;
};

}  // namespace

TEST_CASE("the installed program verifies, in order") {
    Daemon daemon("XOS_VERIFIER");
    const TestVo physics("physics");
    const SigningKey key = *SigningKey::generate(), thief = *SigningKey::generate();
    const std::string chain = physics.issue("user1", key);
    daemon.ask(make_verify_request(physics, wrap_any(chain, key)));
    daemon.ask(make_verify_request(physics, wrap_any(chain, thief)));
    daemon.ask(make_verify_request(physics, wrap_any(chain, key)));
    daemon.wait();
    CHECK(daemon.order == std::vector<size_t>{0, 1, 2});
    REQUIRE(*daemon.answers[0]);
    CHECK((*daemon.answers[0])->attributes == physics.user("user1"));
    CHECK(daemon.code(1) == Errc::denied);
    CHECK(*daemon.answers[2]);
}

TEST_CASE("a request that makes the verifier crash fails by itself") {
    Daemon daemon("XOS_CRASHING_VERIFIER");
    for (const char* words : {"before", "crash", "after", "open", "again", "leave", "last"})
        daemon.ask(words);
    daemon.wait();
    for (const size_t fine : {0, 2, 4, 6}) CHECK(daemon.code(fine) == Errc::denied);
    for (const size_t crashed : {1, 3, 5}) CHECK(daemon.code(crashed) == Errc::unavailable);
    CHECK_THAT(daemon.message(1), ContainsSubstring("killed by signal 11"));
    CHECK_THAT(daemon.message(3), ContainsSubstring("killed by signal 31"));
    CHECK(Daemon::children().size() == 1);
}

TEST_CASE("a request that takes too long fails by itself") {
    Daemon daemon("XOS_CRASHING_VERIFIER", {.program = {}, .deadline = 300ms});
    daemon.ask("spin");
    daemon.ask("after");
    daemon.wait();
    CHECK(daemon.code(0) == Errc::timeout);
    CHECK(daemon.code(1) == Errc::denied);
}

TEST_CASE("SIGKILL in the middle of a request") {
    Daemon daemon("XOS_VERIFIER");
    const TestVo physics("physics");
    const SigningKey key = *SigningKey::generate();
    const auto request = make_verify_request(physics, wrap_any(physics.issue("user1", key), key));
    daemon.ask(request);
    daemon.wait();  // it runs and is behind its walls
    REQUIRE(Daemon::children().size() == 1);
    const pid_t verifier = Daemon::children().front();
    REQUIRE(kill(verifier, SIGSTOP) == 0);
    daemon.ask(request);
    daemon.ask(request);
    for (int i = 0; i < 5; ++i) sd_event_run(daemon.event, 10'000);
    CHECK(daemon.order.size() == 1);  // it has the request, and does not answer
    REQUIRE(kill(verifier, SIGKILL) == 0);
    daemon.wait();
    CHECK(daemon.code(1) == Errc::unavailable);
    CHECK(*daemon.answers[2]);
    CHECK(Daemon::children().size() == 1);
    CHECK(Daemon::children().front() != verifier);
}

TEST_CASE("a verifier that was killed while idle is replaced unseen") {
    Daemon daemon("XOS_CRASHING_VERIFIER");
    daemon.ask("one");
    daemon.wait();
    kill(Daemon::children().front(), SIGKILL);
    for (int i = 0; i < 2000 && !Daemon::children().empty(); ++i) sd_event_run(daemon.event, 10'000);
    daemon.ask("two");
    daemon.wait();
    CHECK(daemon.message(1) == "two");
}

TEST_CASE("an answer about another VO is not believed") {
    Daemon daemon("XOS_CRASHING_VERIFIER");
    daemon.ask("lie");
    daemon.ask("after");
    daemon.wait();
    CHECK(daemon.code(0) == Errc::unavailable);
    CHECK(daemon.message(1) == "after");
}

TEST_CASE("the queue has an end") {
    Daemon daemon("XOS_CRASHING_VERIFIER", {.program = {}, .queue_max = 4});
    for (int i = 0; i < 10; ++i) daemon.ask("asked");
    CHECK(daemon.order.empty());  // nobody is answered before the loop runs
    daemon.wait();
    for (size_t i = 0; i < 10; ++i) CHECK(daemon.code(i) == (i < 4 ? Errc::denied : Errc::unavailable));
}

TEST_CASE("a verifier is replaced after its share of requests") {
    Daemon daemon("XOS_CRASHING_VERIFIER", {.program = {}, .requests_per_process = 2});
    const auto first = Daemon::children();
    for (int i = 0; i < 5; ++i) daemon.ask("asked");
    daemon.wait();
    for (size_t i = 0; i < 5; ++i) CHECK(daemon.message(i) == "asked");
    CHECK(Daemon::children() != first);
}

TEST_CASE("an oversized request is refused and costs nobody else") {
    Daemon daemon("XOS_CRASHING_VERIFIER");
    daemon.ask(std::string(1 << 20, 'A'));
    daemon.ask("after");
    daemon.wait();
    CHECK(daemon.code(0) == Errc::invalid);
    CHECK(daemon.message(1) == "after");
}

TEST_CASE("a missing program is said at the start") {
    sd_event* event = nullptr;
    sd_event_new(&event);
    const auto client =
        VerifierClient::start(event, {.program = "/nonexistent/xos-verifier", .uid = 1, .gid = 1});
    REQUIRE_FALSE(client);
    CHECK_THAT(client.error().message, ContainsSubstring("/nonexistent/xos-verifier"));
    sd_event_unref(event);
}

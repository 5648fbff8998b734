#include "common/ssh/ssh_agent.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <thread>

#include "common/ssh/ssh_cert.h"
#include "common/ssh/ssh_wire.h"
#include "tests/unit/ssh/command.h"
#include "tests/unit/ssh/real_agent.h"
#include "tests/unit/ssh/test_key.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// Answers the first request with bytes, whatever it was.
std::string false_agent(const TempDir& dir, std::jthread& thread, std::string bytes) {
    const std::string path = dir.path / "agent";
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(listener.get(), 1);
    thread = std::jthread([fd = std::move(listener), bytes = std::move(bytes)] {
        const UniqueFd peer(accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
        char request[64];
        if (read(peer.get(), request, sizeof request) > 0) [[maybe_unused]]
            const auto sent = write(peer.get(), bytes.data(), bytes.size());
    });
    return path;
}

}  // namespace

TEST_CASE("a real agent takes, lists and forgets the certificate") {
    const RealAgent real;
    REQUIRE(real.pid > 0);
    const TestKey key;
    const std::string blob = *encode_ssh_cert(test_cert(key), key.signer());
    auto agent = SshAgent::connect(real.socket);
    REQUIRE(agent);
    REQUIRE(agent->list());
    CHECK(agent->list()->empty());
    REQUIRE(agent->add(blob, key.seed(), key.public_key(), "user1@physics", std::chrono::seconds(600)));
    const auto held = agent->list();
    REQUIRE(held);
    REQUIRE(held->size() == 1);
    CHECK(held->front().blob == blob);
    CHECK(held->front().comment == "user1@physics");
    CHECK_THAT(real.ssh_add("-l").output, ContainsSubstring("(ED25519-CERT)"));

    const TempDir dir;
    write_file(dir.path / "cert.pub", ssh_cert_line(blob, "user1@physics"));
    // the agent proves that it can sign with the private key
    CHECK(run_command({"ssh-add", "-T", dir.path / "cert.pub"}, {real.variable()}).status == 0);

    const std::string draft = "bytes that are no SSH request at all";
    const auto signature = agent->sign(blob, draft);
    REQUIRE(signature);
    CHECK(key.verifies(draft, *signature));
    CHECK_FALSE(agent->sign("another key", draft));

    CHECK(agent->remove(blob));
    CHECK(agent->list()->empty());
    CHECK(agent->sign(blob, draft).error().code == Errc::denied);
    const auto again = agent->remove(blob);
    REQUIRE_FALSE(again);
    CHECK(again.error().code == Errc::not_found);
}

TEST_CASE("a real agent forgets the certificate when its lifetime ends") {
    const RealAgent real;
    REQUIRE(real.pid > 0);
    const TestKey key;
    auto agent = SshAgent::connect(real.socket);
    REQUIRE(agent);
    REQUIRE(agent->add(*encode_ssh_cert(test_cert(key), key.signer()), key.seed(), key.public_key(), "",
                       std::chrono::seconds(1)));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!agent->list()->empty() && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CHECK(agent->list()->empty());
    CHECK_FALSE(agent->add("blob", key.seed(), key.public_key(), "", std::chrono::seconds(0)));
}

TEST_CASE("no agent is said with what to do") {
    const auto agent = SshAgent::connect("/nonexistent/agent");
    REQUIRE_FALSE(agent);
    CHECK(agent.error().code == Errc::unavailable);
    CHECK_THAT(agent.error().message, ContainsSubstring("ssh-agent"));
    CHECK_FALSE(SshAgent::connect(std::string(200, 'a')));
}

TEST_CASE("a false agent does no harm") {
    const TempDir dir;
    std::jthread thread;
    std::string message;
    SECTION("a message without end") {
        message = std::string("\xff\xff\xff\xff", 4);
    }
    SECTION("an empty message") {
        message = std::string(4, '\0');
    }
    SECTION("half a message") {
        message = std::string("\0\0\0\x09\x0c", 5);
    }
    SECTION("more keys than bytes") {
        message = std::string("\0\0\0\x05\x0c\0\0\0\x05", 9);
    }
    SECTION("a million keys") {
        message = std::string("\0\0\0\x05\x0c\0\x10\0\0", 9);
    }
    SECTION("another answer") {
        message = std::string("\0\0\0\x01\x06", 5);
    }
    auto agent = SshAgent::connect(false_agent(dir, thread, message));
    REQUIRE(agent);
    CHECK_FALSE(agent->list());
}

TEST_CASE("a false agent's signature is refused") {
    const TempDir dir;
    std::jthread thread;
    std::string body;
    SECTION("of another kind") {
        put_string(body, "ssh-rsa");
        put_string(body, std::string(64, 'x'));
    }
    SECTION("too short") {
        put_string(body, kSshKeyType);
        put_string(body, std::string(63, 'x'));
    }
    SECTION("too long") {
        put_string(body, kSshKeyType);
        put_string(body, std::string(64, 'x'));
        body += "more";
    }
    SECTION("nothing") {}
    std::string answer(1, '\x0e'), message;
    put_string(answer, body);
    put_string(message, answer);
    auto agent = SshAgent::connect(false_agent(dir, thread, message));
    REQUIRE(agent);
    CHECK(agent->sign("key", "data").error().code == Errc::invalid);
}

// The server alone, with little patience, and clients that have much.
#include "cda/https_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "libxos/unique_fd.h"
#include "tests/unit/ssh/command.h"
#include "tests/unit/vo/sample_vo.h"

using namespace xos;
using namespace xos::test;
using namespace std::chrono_literals;

namespace {

struct ImpatientServer {
    TempDir dir;
    TlsIdentity identity = must(open_tls_identity(dir.path, "", kNow));
    uint16_t port = 0;
    std::atomic<bool> ready = false, end = false;
    std::thread thread{[this] { run(); }};

    ImpatientServer() {
        while (!ready) std::this_thread::sleep_for(5ms);
        REQUIRE(port != 0);
    }
    ~ImpatientServer() {
        end = true;
        thread.join();
    }
    void run() {
        EventLoop loop = must(EventLoop::create());
        const HttpsOptions options{.listen = {"127.0.0.1", 0},
                                   .connections = 8,
                                   .connections_per_address = 4,
                                   .request_time = 600ms};
        const auto server = must(HttpsServer::start(loop, options, identity, [](const HttpRequest& request) {
            if (request.path == "/throw") throw std::runtime_error("thrown");
            return HttpResponse{.body =
                                    request.path == "/large" ? std::string(3'000'000, 'x') : request.body};
        }));
        port = server->port();
        ready = true;
        EventSource tick;
        const std::function<void()> look = [&] {
            if (end) return server->stop([&] { loop.stop(0); });
            tick = must(loop.after(20ms, look));
        };
        look();
        must(loop.run());
    }
    CommandResult curl(const std::string& path) const {
        return run_command({"curl", "-sS", "-k", "-m", "10",
                            "https://127.0.0.1:" + std::to_string(port) + path, "-d", "body"});
    }
    UniqueFd connect() const {
        UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        return fd;
    }
};

// Whether the server ends the connection within limit.
bool is_ended(int fd, std::chrono::milliseconds limit) {
    pollfd wait{fd, POLLIN, 0};
    char byte;
    return poll(&wait, 1, static_cast<int>(limit.count())) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

}  // namespace

TEST_CASE("who never ends the handshake is shown out, busy or idle, while others are answered") {
    const ImpatientServer server;
    const UniqueFd idle = server.connect(), busy = server.connect();
    const auto start = std::chrono::steady_clock::now();
    // the head of a TLS record of 16 KB, a byte at a time
    const unsigned char head[] = {0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3};
    bool sent = true;
    for (size_t i = 0; sent && i < 200; ++i) {
        const unsigned char byte = i < sizeof head ? head[i] : 0;
        sent = send(busy.get(), &byte, 1, MSG_NOSIGNAL) == 1 && !is_ended(busy.get(), 20ms);
        if (i == 5) CHECK(server.curl("/").output == "body");
    }
    CHECK_FALSE(sent);
    CHECK(is_ended(idle.get(), 3000ms));
    CHECK(std::chrono::steady_clock::now() - start < 4s);
}

TEST_CASE("who sends a header byte now and then is shown out") {
    const ImpatientServer server;
    const auto start = std::chrono::steady_clock::now();
    const auto slow = run_command({"bash", "-c",
                                   "(printf 'GET / HTTP/1.1\r\nHost: x\r\nX-A: '; for i in $(seq 600); do "
                                   "printf a || exit; sleep 0.05; done) 2>/dev/null |"
                                   " timeout 20 openssl s_client -quiet -connect 127.0.0.1:" +
                                       std::to_string(server.port)});
    CHECK(std::chrono::steady_clock::now() - start < 10s);
    CHECK_FALSE(slow.output.contains("200"));
    CHECK(server.curl("/").output == "body");
}

TEST_CASE("one address has its share of connections and no more") {
    const ImpatientServer server;
    std::vector<UniqueFd> idle;
    for (int i = 0; i < 4; ++i) idle.push_back(server.connect());
    const UniqueFd fifth = server.connect();
    CHECK(is_ended(fifth.get(), 400ms));
    CHECK_FALSE(is_ended(idle[0].get(), 0ms));
    CHECK(is_ended(idle[3].get(), 3000ms));
    CHECK(server.curl("/").output == "body");
}

TEST_CASE("a large answer arrives whole; a handler that fails ends that connection only") {
    const ImpatientServer server;
    CHECK(server.curl("/large").output.size() == 3'000'000);
    CHECK(server.curl("/throw").status != 0);
    CHECK(server.curl("/").output == "body");
}

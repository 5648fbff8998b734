#include <fcntl.h>
#include <sys/mman.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <csignal>
#include <fstream>

#include "common/compression.h"
#include "tests/unit/fetcher/raw_server.h"
#include "tests/unit/fetcher/tls_server.h"
#include "tests/unit/ssh/command.h"
#include "xosd/fetcher/fetch_client.h"

using namespace xos;
using namespace xos::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr uint64_t kMax = 1024 * 1024;
constexpr uid_t kTestUid = 65534;

struct Fixture {
    EventLoop loop = *EventLoop::create();
    FetcherOptions options{.program = XOS_FETCH_PROGRAM,
                           .uid = geteuid() == 0 ? kTestUid : geteuid(),
                           .gid = geteuid() == 0 ? kTestUid : getegid()};
    FetchClient client{loop, options};

    Outcome<Fetched> run(FetchRequest request) {
        std::optional<Outcome<Fetched>> result;
        client.fetch(std::move(request), [&](Outcome<Fetched> fetched) { result = std::move(fetched); });
        CHECK_FALSE(result);
        while (!result) sd_event_run(loop.get(), UINT64_MAX);
        return *std::move(result);
    }
    Outcome<Fetched> get(const std::string& url) { return run({.url = url, .max = kMax, .deadline = 20s}); }
    std::string refusal(const std::string& answer) {
        const RawServer server(answer);
        const auto fetched = get(server.url());
        return fetched ? "" : fetched.error().message;
    }
};

std::string text_of(const Fetched& fetched) {
    const auto mapped = MappedBytes::map(fetched.body.get(), kMax);
    REQUIRE(mapped);
    return std::string(mapped->text());
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a body comes as a file that nobody can change") {
    RawServer server(ok("hello", "ETag: \"7.1\"\r\nLast-Modified: Sat, 28 Nov 2026 12:00:00 GMT\r\n"));
    const auto fetched = get(server.url("/bundle?since=7"));
    REQUIRE(fetched);
    CHECK(fetched->answer == FetchAnswer{false, 5, "\"7.1\"", "Sat, 28 Nov 2026 12:00:00 GMT"});
    CHECK(text_of(*fetched) == "hello");
    CHECK(pwrite(fetched->body.get(), "x", 1, 0) < 0);
    CHECK(ftruncate(fetched->body.get(), 0) < 0);
    const std::string request = server.requests().at(0);
    CHECK_THAT(request, ContainsSubstring("GET /bundle?since=7 HTTP/1.1\r\n"));
    CHECK_THAT(request, ContainsSubstring("Accept-Encoding: zstd\r\n"));
    CHECK_FALSE(request.contains("If-"));
}

TEST_CASE_METHOD(Fixture, "what the asker has is not sent again") {
    RawServer server(std::string("HTTP/1.1 304 Not Modified\r\nConnection: close\r\nETag: \"7.1\"\r\n\r\n"));
    const auto fetched = run({.url = server.url(),
                              .etag = "\"7.1\"",
                              .modified = "Sat, 28 Nov 2026 12:00:00 GMT",
                              .max = kMax,
                              .deadline = 20s});
    REQUIRE(fetched);
    CHECK(fetched->answer.unchanged);
    CHECK(fetched->answer.bytes == 0);
    CHECK_THAT(server.requests().at(0), ContainsSubstring("If-None-Match: \"7.1\"\r\n"));
    CHECK_THAT(server.requests().at(0),
               ContainsSubstring("If-Modified-Since: Sat, 28 Nov 2026 12:00:00 GMT\r\n"));
}

TEST_CASE_METHOD(Fixture, "names are looked up behind the walls, and a plain server will do") {
    const RawServer server(std::string("HTTP/1.0 200 OK\r\n\r\nuntil it closes"));
    const auto fetched = get(server.url("/bundle", "localhost"));
    REQUIRE(fetched);
    CHECK(text_of(*fetched) == "until it closes");
    CHECK(get("http://no-such-host.invalid/bundle").error().code == Errc::unavailable);
}

TEST_CASE_METHOD(Fixture, "zstd is unpacked, with or without a header that says so, and capped") {
    const std::string text(300'000, 'x'), packed = *compress_text(text);
    for (const char* header : {"", "Content-Encoding: zstd\r\n"}) {
        const RawServer server(ok(packed, header));
        const auto fetched = get(server.url("/bundle.zst"));
        REQUIRE(fetched);
        CHECK(text_of(*fetched) == text);
    }
    CHECK_THAT(refusal(ok(packed.substr(0, packed.size() - 3))), ContainsSubstring("cut short"));
    CHECK_THAT(refusal(ok(packed + "more")), ContainsSubstring("follows the end"));
    std::string broken = packed;
    broken[packed.size() / 2] ^= 0x20;
    CHECK_FALSE(refusal(ok(broken)).empty());
    const std::string bomb = *compress_text(std::string(512 << 20, '\0'));
    CHECK(bomb.size() < 100'000);
    CHECK_THAT(refusal(ok(bomb)), ContainsSubstring("longer than the 1048576 bytes"));
    CHECK_THAT(refusal(ok("hello", "Content-Encoding: gzip\r\n")), ContainsSubstring("not asked for"));
}

TEST_CASE_METHOD(Fixture, "endless, lying and flooding servers are left") {
    const RawServer endless([](const std::string&, int connection) {
        RawServer::say(connection, "HTTP/1.1 200 OK\r\n\r\n");
        while (RawServer::say(connection, std::string(65536, 'x'))) {
        }
    });
    CHECK_THAT(get(endless.url()).error().message, ContainsSubstring("longer than"));
    const RawServer page([](const std::string&, int connection) {
        RawServer::say(connection, "HTTP/1.1 404 Not Found\r\n\r\n");
        while (RawServer::say(connection, std::string(65536, 'x'))) {
        }
    });
    CHECK_THAT(get(page.url()).error().message, ContainsSubstring("endless page"));
    CHECK_THAT(refusal("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
               ContainsSubstring("longer than"));
    CHECK_FALSE(refusal("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort").empty());
    std::string flood = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 5000; ++i) flood += "X-Flood: 0123456789012345678901234567890123456789\r\n";
    CHECK_THAT(refusal(flood + "\r\n"), ContainsSubstring("header has more than"));
    CHECK_FALSE(refusal("SSH-2.0-OpenSSH_10\r\n").empty());
    CHECK_THAT(refusal("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), ContainsSubstring("status 500"));
}

TEST_CASE_METHOD(Fixture, "slow and silent servers are not waited for") {
    const RawServer slow([](const std::string&, int connection) {
        RawServer::say(connection, "HTTP/1.1 200 OK\r\n\r\n");
        while (RawServer::say(connection, "x")) std::this_thread::sleep_for(100ms);
    });
    const auto start = std::chrono::steady_clock::now();
    auto fetched = run({.url = slow.url(), .max = kMax, .deadline = 1s});
    REQUIRE_FALSE(fetched);
    CHECK(fetched.error().code == Errc::timeout);
    CHECK(std::chrono::steady_clock::now() - start < 4s);
    CHECK(get("http://127.0.0.1:1/").error().code == Errc::unavailable);
}

TEST_CASE_METHOD(Fixture, "redirects are few and stay with their scheme") {
    const RawServer target(ok("there"));
    const auto redirect = [](const std::string& to) {
        return "HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: " + to + "\r\n\r\n";
    };
    const RawServer once(redirect(target.url()));
    REQUIRE(get(once.url()));
    RawServer circle(redirect("/again"));
    CHECK_THAT(get(circle.url()).error().message, ContainsSubstring("more than 3 redirects"));
    CHECK(circle.requests().size() == 4);
    CHECK_THAT(circle.requests().at(1), ContainsSubstring("GET /again "));
    for (const char* to : {"https://127.0.0.1/", "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://x/"})
        CHECK_THAT(refusal(redirect(to)), ContainsSubstring("another scheme"));
    CHECK_FALSE(refusal(redirect("http://user:secret@127.0.0.1/")).empty());
}

TEST_CASE_METHOD(Fixture, "the fetcher has no rights while it waits for a server") {
    std::atomic<bool> asked = false, go = false;
    const RawServer server([&](const std::string&, int connection) {
        asked = true;
        while (!go) std::this_thread::sleep_for(5ms);
        RawServer::say(connection, ok("late"));
    });
    std::optional<Outcome<Fetched>> result;
    client.fetch({.url = server.url(), .max = kMax, .deadline = 20s},
                 [&](Outcome<Fetched> fetched) { result = std::move(fetched); });
    while (!asked) sd_event_run(loop.get(), 10'000);
    const std::string pid = run_command({"pgrep", "-P", std::to_string(getpid()), "xos-fetch"}).output;
    std::ifstream file("/proc/" + pid.substr(0, pid.find('\n')) + "/status");
    const std::string status(std::istreambuf_iterator<char>(file), {});
    CHECK_THAT(status, ContainsSubstring("NoNewPrivs:\t1"));
    CHECK_THAT(status, ContainsSubstring("CapEff:\t0000000000000000"));
    CHECK_THAT(status, ContainsSubstring("CapPrm:\t0000000000000000"));
    const std::string uid = std::to_string(options.uid);
    CHECK_THAT(status, ContainsSubstring("Uid:\t" + uid + "\t" + uid + "\t" + uid));
#if !defined(__SANITIZE_ADDRESS__)
    CHECK_THAT(status, ContainsSubstring("Seccomp:\t2"));
#endif
    // killed: the fetch fails, and nothing else
    kill(static_cast<pid_t>(std::stol(pid)), SIGKILL);
    while (!result) sd_event_run(loop.get(), UINT64_MAX);
    go = true;
    CHECK_THAT(result->error().message, ContainsSubstring("died"));
}

TEST_CASE_METHOD(Fixture, "a fetcher is not root, and many fetches take turns") {
    FetchClient root(loop, {.program = XOS_FETCH_PROGRAM, .uid = 0, .gid = 0});
    std::optional<Outcome<Fetched>> result;
    root.fetch({.url = "http://127.0.0.1:1/", .max = kMax},
               [&](Outcome<Fetched> fetched) { result = std::move(fetched); });
    while (!result) sd_event_run(loop.get(), UINT64_MAX);
    CHECK_THAT(result->error().message, ContainsSubstring("does not run as root"));
    const RawServer server(ok("hello"));
    int good = 0, ended = 0;
    for (int i = 0; i < 9; ++i)
        client.fetch({.url = server.url(), .max = kMax, .deadline = 20s}, [&](Outcome<Fetched> fetched) {
            ++ended;
            good += fetched.has_value();
        });
    while (ended < 9) sd_event_run(loop.get(), UINT64_MAX);
    CHECK(good == 9);
}

TEST_CASE_METHOD(Fixture, "TLS: the pin, or a certificate that this machine trusts, or nothing at all") {
    const TempDir dir;
    write_file(dir.path / "bundle", "over TLS");
    const TlsServer server(dir.path);
    FetchRequest request{.url = server.url("/bundle"),
                         .tls = TlsCheck::pinned,
                         .pin = server.pin(),
                         .max = kMax,
                         .deadline = 20s};
    Outcome<Fetched> fetched = run(request);
    for (int i = 0; i < 100 && !fetched && fetched.error().code == Errc::unavailable; ++i) {
        std::this_thread::sleep_for(50ms);  // until it listens
        fetched = run(request);
    }
    CHECK(fetched);
    request.pin = "SHA256:Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU";
    fetched = run(request);
    REQUIRE_FALSE(fetched);
    CHECK(fetched.error().code == Errc::denied);
    CHECK_THAT(fetched.error().message, ContainsSubstring("not the one that the VO names"));
    request.pin.clear();
    request.tls = TlsCheck::ordinary;
    fetched = run(request);
    REQUIRE_FALSE(fetched);
    CHECK(fetched.error().code == Errc::denied);
    request.tls = TlsCheck::none;
    CHECK(run(request));
}

TEST_CASE("the fetcher's packets are read strictly") {
    const FetchRequest request{.url = "https://vo.example.org/b",
                               .etag = "W/\"1\"",
                               .modified = "Sat, 28 Nov 2026 12:00:00 GMT",
                               .tls = TlsCheck::pinned,
                               .pin = "SHA256:Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU",
                               .max = 5,
                               .deadline = 7s};
    CHECK(decode_fetch_request(encode_fetch_request(request)) == request);
    for (const char* url : {"file:///etc/passwd", "https://a b/", "ftp://x/", ""}) {
        FetchRequest bad = request;
        bad.url = url;
        CHECK_FALSE(decode_fetch_request(encode_fetch_request(bad)));
    }
    FetchRequest bad = request;
    bad.etag = "\"a\"\r\nX: y";
    CHECK_FALSE(decode_fetch_request(encode_fetch_request(bad)));
    bad = request;
    bad.url = "http://vo.example.org/b";  // a pin without TLS says nothing
    CHECK_FALSE(decode_fetch_request(encode_fetch_request(bad)));
    const FetchAnswer answer{false, 5, "\"x\"", ""};
    CHECK(decode_fetch_answer(encode_fetch_answer(answer)) == answer);
    const auto failed = decode_fetch_answer(encode_fetch_answer(failure(Errc::denied, "no\033[1m")));
    CHECK(failed.error().code == Errc::denied);
    CHECK(failed.error().message == "no?[1m");
    for (const char* packet : {"", "{}", "[]", R"({"code":"conflict","message":""})",
                               R"({"unchanged":false,"bytes":-1,"etag":"","modified":""})",
                               R"({"unchanged":false,"bytes":1,"etag":"x","modified":""})"})
        CHECK(decode_fetch_answer(packet).error().code == Errc::unavailable);
}

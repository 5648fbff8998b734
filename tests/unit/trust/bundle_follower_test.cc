#include "xosd/trust/bundle_follower.h"

#include <catch2/matchers/catch_matchers_string.hpp>

#include "common/compression.h"
#include "tests/unit/fetcher/raw_server.h"
#include "tests/unit/fetcher/tls_server.h"
#include "tests/unit/trust/node_state.h"
#include "tests/unit/vo/sample_delta.h"

using namespace xos;
using namespace xos::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr uid_t kTestUid = 65534;

// A server of one VO whose body a test changes while it runs.
struct BundleServer {
    std::mutex mutex;
    std::string body, headers;
    bool away = false, delta_only = false;
    RawServer server{[this](const std::string& request, int connection) {
        const std::lock_guard lock(mutex);
        if (away) return;
        const size_t etag = headers.find("ETag: ");
        const std::string tag =
            etag == std::string::npos ? "" : headers.substr(etag + 6, headers.find("\r\n", etag) - etag - 6);
        if (!tag.empty() && request.contains("If-None-Match: " + tag + "\r\n"))
            RawServer::say(connection, "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
        else
            RawServer::say(connection, ok(body, headers));
    }};

    void serve(std::string text, const std::string& tag = "") {
        const std::lock_guard lock(mutex);
        body = std::move(text);
        headers = tag.empty() ? "" : "ETag: \"" + tag + "\"\r\n";
        away = false;
    }
    void go_away() {
        const std::lock_guard lock(mutex);
        away = true;
    }
    std::string url() const { return server.url("/physics.bundle"); }
};

struct Fixture : NodeState {
    BundleServer primary, mirror;
    SampleVo physics = make_live_vo();
    FetchClient fetcher{loop,
                        {.program = XOS_FETCH_PROGRAM,
                         .uid = geteuid() == 0 ? kTestUid : geteuid(),
                         .gid = geteuid() == 0 ? kTestUid : getegid()}};
    int published = 0;
    BundleFollower follower{loop, config, trust, fetcher, [this](BundleFollower::Done done) {
                                ++published;
                                done({});
                            }};

    Fixture() {
        config.bundles.interval = 1h;  // nothing happens but what a test asks for
        physics.bundle.vo.mirrors = {mirror.url()};
    }
    void spin(const std::function<bool()>& until) {
        for (int i = 0; i < 2000 && !until(); ++i) sd_event_run(loop.get(), 10'000);
        REQUIRE(until());
    }
    // Why it is not followed; empty where it is.
    std::string follow(const std::string& fingerprint) { return follow(primary.url(), fingerprint); }
    std::string follow(const std::string& url, const std::string& fingerprint) {
        std::optional<std::string> answer;
        follower.follow(url, fingerprint,
                        [&](Outcome<std::string> taken) { answer = taken ? "" : taken.error().message; });
        spin([&] { return answer.has_value(); });
        settle();
        return *answer;
    }
    // Until the round that follows a first one is over.
    void settle() {
        if (follower.find("physics") == nullptr) return;
        std::string ignored = refresh();
        ignored = refresh();
    }
    std::string refresh() {
        std::optional<std::string> answer;
        follower.refresh("physics",
                         [&](Outcome<void> asked) { answer = asked ? "" : asked.error().message; });
        spin([&] { return answer.has_value(); });
        return *answer;
    }
    uint64_t serial() const { return trust.find("physics")->bundle.serial; }
    std::string last_request() { return primary.server.requests().back(); }
    // The next content, as a delta from the present one.
    std::string advance() {
        const Bundle base = physics.bundle;
        physics.bundle = next_content(base);
        physics.bundle.serial = base.serial + 1;
        physics.bundle.issued = base.issued + 1s;
        physics.bundle.not_after = base.not_after + 1s;
        physics.bundle.policy = base.policy;
        BundleDelta delta = delta_to(base, physics.bundle);
        delta.policy.reset();
        return xos::seal(physics, delta);
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a VO is followed by its URL, conditionally") {
    primary.serve(physics.seal(), "7");
    CHECK_THAT(follow(""), ContainsSubstring("not trusted here yet"));
    CHECK(trust.find("physics") == nullptr);
    CHECK(follow(physics.fingerprint()) == "");
    CHECK(serial() == 7);
    CHECK(published == 1);
    CHECK_THAT(last_request(), ContainsSubstring("GET /physics.bundle?since=7 HTTP"));
    CHECK_THAT(last_request(), ContainsSubstring("If-None-Match: \"7\"\r\n"));
    REQUIRE(follower.find("physics") != nullptr);
    CHECK(follower.find("physics")->error.empty());
    CHECK(follower.find("physics")->source == primary.url());

    primary.serve(advance(), "8");
    CHECK(refresh() == "");
    CHECK(serial() == 8);
    CHECK(published == 2);
    CHECK(trust.find("physics")->find_member("user2") == nullptr);
    CHECK(trust.find("physics")->find_member("user3")->number == 3);
    CHECK(trust.find_uid(kUidMin + 3).second->name == "user3");
    CHECK_THAT(last_request(), ContainsSubstring("?since=7 HTTP"));

    // a renewal changes no account
    primary.serve(xos::seal(physics, renewal_of(physics.bundle, 2s)), "8.1");
    CHECK(refresh() == "");
    CHECK(published == 2);
    CHECK(trust.find("physics")->bundle.issued == physics.bundle.issued + 2s);
}

TEST_CASE_METHOD(Fixture, "what was followed is there after a restart, deltas and all, and the URL with it") {
    primary.serve(physics.seal());
    REQUIRE(follow(physics.fingerprint()) == "");
    primary.serve(advance());
    REQUIRE(refresh() == "");
    primary.serve(xos::seal(physics, renewal_of(physics.bundle, 2s)));
    REQUIRE(refresh() == "");
    primary.serve(xos::seal(physics, renewal_of(physics.bundle, 4s)));
    REQUIRE(refresh() == "");
    TrustStore again(loop, database, ledger, config);
    REQUIRE(again.load());
    CHECK(again.find("physics")->bundle == trust.find("physics")->bundle);
    CHECK(again.find("physics")->bundle.issued == physics.bundle.issued + 4s);
    REQUIRE(again.list_followed()->size() == 1);
    CHECK(again.list_followed()->front().url == primary.url());
    auto count = must(database.prepare("SELECT count(*) FROM bundle_delta"));
    REQUIRE(must(count.step()));
    CHECK(count.number(0) == 2);  // the second renewal took the place of the first
    count.reset();

    // a stored delta that is damaged: the VO is left out, still followed, and repaired by the whole
    REQUIRE(database.execute(
        "UPDATE bundle_delta SET delta = CAST(replace(CAST(delta AS TEXT), 'A', 'B') AS BLOB)"));
    TrustStore damaged(loop, database, ledger, config);
    REQUIRE(damaged.load());
    CHECK(damaged.find("physics") == nullptr);
    BundleFollower repairing(loop, config, damaged, fetcher, [](BundleFollower::Done done) { done({}); });
    primary.serve(physics.seal());
    physics.bundle.issued += 10s;
    physics.bundle.not_after += 10s;
    primary.serve(physics.seal());
    REQUIRE(repairing.start());
    spin([&] { return damaged.find("physics") != nullptr; });
    CHECK(damaged.find("physics")->bundle.serial == 8);
}

TEST_CASE_METHOD(Fixture, "the mirror takes over, and the last good bundle is kept") {
    primary.serve(physics.seal());
    REQUIRE(follow(physics.fingerprint()) == "");
    primary.go_away();
    mirror.go_away();
    CHECK_FALSE(refresh().empty());
    CHECK(serial() == 7);
    CHECK_FALSE(follower.find("physics")->error.empty());
    CHECK(follower.find("physics")->failing_since != std::chrono::sys_seconds{});
    mirror.serve(*compress_text(advance()));
    CHECK(refresh() == "");
    CHECK(serial() == 8);
    CHECK(follower.find("physics")->source == mirror.url());
    CHECK(follower.find("physics")->error.empty());
}

TEST_CASE_METHOD(Fixture, "a server of older, foreign or broken bundles is passed over") {
    const std::string old = physics.seal();
    primary.serve(old);
    REQUIRE(follow(physics.fingerprint()) == "");
    const std::string delta = advance();
    primary.serve(physics.seal());
    REQUIRE(refresh() == "");
    REQUIRE(serial() == 8);
    mirror.go_away();
    primary.serve(old);
    CHECK_THAT(refresh(), ContainsSubstring("this node has seen 8"));
    SampleVo bio = make_live_vo("bio");
    primary.serve(bio.seal());
    CHECK_THAT(refresh(), ContainsSubstring("a bundle of VO bio, expected one of physics"));
    const SampleVo impostor = make_live_vo();
    primary.serve(impostor.seal());
    CHECK_THAT(refresh(), ContainsSubstring("it is of the VO key"));
    primary.serve("<html>It works!</html>");
    CHECK_THAT(refresh(), ContainsSubstring("no bundle of a VO"));
    primary.serve(physics.seal().substr(0, physics.seal().size() - 20));
    CHECK_FALSE(refresh().empty());
    CHECK(serial() == 8);
    // an older delta than what is here, and then the whole is asked for
    primary.serve(delta);
    CHECK_FALSE(refresh().empty());
    CHECK_FALSE(last_request().contains("since="));
    mirror.serve(physics.seal());
    CHECK(refresh() == "");
    CHECK(follower.find("physics")->source == mirror.url());
}

TEST_CASE_METHOD(Fixture,
                 "a plain server that sends the same again and again is no reason to open it again") {
    primary.serve(physics.seal());
    REQUIRE(follow(physics.fingerprint()) == "");
    const TrustedVo* const before = trust.find("physics");
    for (int i = 0; i < 3; ++i) CHECK(refresh() == "");
    CHECK(trust.find("physics") == before);
    CHECK(published == 1);
}

TEST_CASE_METHOD(Fixture, "without a check of TLS a VO is taken from a URL of its authority only") {
    const TempDir dir;
    const TlsServer server(dir.path);
    const std::string url = server.url("/bundle");
    const auto follow_url = [&] {
        std::string answer = follow(url, physics.fingerprint());
        for (int i = 0; i < 100 && answer.contains("connect"); ++i) {  // until it listens
            std::this_thread::sleep_for(50ms);
            answer = follow(url, physics.fingerprint());
        }
        return answer;
    };
    const auto stored_url = [&] {
        const auto stored = must(trust.list_followed());
        return stored.size() == 1 ? stored.front().url : "no VO";
    };
    write_file(dir.path / "bundle", physics.seal());
    const std::string refusal = follow_url();
    CHECK_THAT(refusal, ContainsSubstring("certificate"));  // the failure of the first try
    CHECK(trust.find("physics") == nullptr);
    CHECK(stored_url() == "no VO");

    // trusted by a file, and then by another URL: both stay as they were
    REQUIRE(trust.apply(physics.seal(), physics.fingerprint()));
    CHECK(follow_url() == refusal);
    REQUIRE(trust.find("physics") != nullptr);
    CHECK(stored_url() == "");
    primary.serve(physics.seal());
    REQUIRE(follow("") == "");
    physics.bundle.serial = 8;
    write_file(dir.path / "bundle", physics.seal());
    CHECK(follow_url() == refusal);
    CHECK(serial() == 7);
    CHECK(stored_url() == primary.url());
    CHECK(follower.find("physics")->url == primary.url());

    physics.bundle.vo.authority = url.substr(0, url.rfind('/'));
    physics.bundle.vo.authority_pin = server.pin();
    physics.bundle.vo.serial = 2;
    write_file(dir.path / "bundle", physics.seal());
    CHECK(follow_url() == "");
    CHECK(serial() == 8);
    CHECK(stored_url() == url);
}

TEST_CASE_METHOD(Fixture, "forgotten while it is asked") {
    primary.serve(physics.seal());
    REQUIRE(follow(physics.fingerprint()) == "");
    std::optional<std::string> answer;
    follower.refresh("physics", [&](Outcome<void> asked) { answer = asked ? "" : asked.error().message; });
    REQUIRE(trust.remove("physics"));
    follower.forget("physics");
    CHECK_THAT(answer.value_or(""), ContainsSubstring("not trusted here any more"));
    for (int i = 0; i < 50; ++i) sd_event_run(loop.get(), 10'000);
    CHECK(trust.find("physics") == nullptr);
    CHECK(follower.find("physics") == nullptr);
}

TEST_CASE("URLs of an authority") {
    CHECK(is_url_of("https://a.example.org:7443/vo/physics", "https://a.example.org:7443"));
    CHECK(is_url_of("https://a.example.org:7443/vo/physics", "https://a.example.org:7443/"));
    CHECK(is_url_of("https://a.example.org:7443", "https://a.example.org:7443"));
    CHECK_FALSE(is_url_of("https://a.example.org:74439/x", "https://a.example.org:7443"));
    CHECK_FALSE(is_url_of("https://a.example.org.evil/x", "https://a.example.org"));
    CHECK_FALSE(is_url_of("http://a.example.org/x", "https://a.example.org"));
    CHECK_FALSE(is_url_of("https://a.example.org/x", ""));
    CHECK(add_since("https://a/b", 7) == "https://a/b?since=7");
    CHECK(add_since("https://a/b?x=1", 7) == "https://a/b?x=1&since=7");
}

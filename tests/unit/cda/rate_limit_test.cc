#include "cda/rate_limit.h"

#include <catch2/catch_test_macros.hpp>

#include "cda/replay_guard.h"

using namespace xos;
using namespace std::chrono_literals;

TEST_CASE("a burst, then one in each interval") {
    RateLimit limit(3, 10s);
    const RateLimit::Time start{};
    for (int i = 0; i < 3; ++i) CHECK(limit.take("a", start));
    CHECK_FALSE(limit.take("a", start));
    CHECK_FALSE(limit.has("a", start));
    CHECK(limit.take("b", start));
    CHECK_FALSE(limit.take("a", start + 9s));
    CHECK(limit.take("a", start + 10s));
    CHECK_FALSE(limit.take("a", start + 10s));
    // filled again, and not beyond the burst
    for (int i = 0; i < 3; ++i) CHECK(limit.take("a", start + 1h));
    CHECK_FALSE(limit.take("a", start + 1h));
}

TEST_CASE("a flood of names fills the memory of it up to a bound, and never shuts out those known") {
    RateLimit limit(2, 1s, 100);
    const RateLimit::Time start = RateLimit::Time{} + 1h;
    int taken = 0;
    for (int i = 0; i < 1000; ++i) taken += limit.take(std::to_string(i), start);
    CHECK(taken == 100);
    CHECK(limit.take("7", start));
    CHECK_FALSE(limit.take("new", start));
    CHECK(limit.take("new", start + 5s));
}

TEST_CASE("an address stands for the host, or for the network that a host has whole") {
    CHECK(limit_name("192.0.2.7") == "192.0.2.7");
    CHECK(limit_name("::ffff:192.0.2.7") == "192.0.2.7");
    CHECK(limit_name("2001:db8:1:2:3:4:5:6") == limit_name("2001:db8:1:2:ffff::1"));
    CHECK(limit_name("2001:db8:1:2:3:4:5:6") != limit_name("2001:db8:1:3:3:4:5:6"));
    CHECK(limit_name("unknown") == "unknown");
}

TEST_CASE("a word counts once while it could be good, and the memory of words is bounded") {
    ReplayGuard guard(100s, 3);
    const std::chrono::sys_seconds now{1'000'000s};
    CHECK(guard.take("a", now));
    CHECK_FALSE(guard.take("a", now));
    CHECK_FALSE(guard.take("a", now + 99s));
    CHECK(guard.take("b", now));
    CHECK(guard.take("c", now));
    CHECK_FALSE(guard.take("d", now));
    CHECK(guard.take("d", now + 200s));
}

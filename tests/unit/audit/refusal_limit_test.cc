#include "xosd/audit/refusal_limit.h"

#include <catch2/catch_test_macros.hpp>

using namespace xos;
using std::chrono::seconds;

namespace {

constexpr RefusalLimit::Time kStart{std::chrono::hours(1)};

uint64_t admitted(RefusalLimit& limit, AuditEvent event, int tries, RefusalLimit::Time now,
                  size_t bytes = 300) {
    uint64_t count = 0;
    for (int i = 0; i < tries; ++i) count += limit.admit(event, bytes, now);
    return count;
}

}  // namespace

TEST_CASE("a burst, then so many a second, of each event") {
    RefusalLimit limit;
    CHECK(admitted(limit, AuditEvent::login, 1000, kStart) == RefusalLimit::kBurst);
    CHECK(admitted(limit, AuditEvent::account, 1000, kStart) == RefusalLimit::kBurst);
    CHECK(admitted(limit, AuditEvent::login, 1000, kStart + seconds(1)) == RefusalLimit::kPerSecond);
    CHECK(admitted(limit, AuditEvent::login, 1000, kStart + seconds(100)) == RefusalLimit::kBurst);
}

TEST_CASE("a flood of a whole day takes two days' bytes at most") {
    RefusalLimit limit;
    uint64_t bytes = 0;
    for (int second = 0; second < 86400; ++second)
        bytes += 1000 * admitted(limit, AuditEvent::login, 25, kStart + seconds(second), 1000);
    CHECK(bytes <= 2 * RefusalLimit::kBytesPerDay);
    CHECK(bytes >= 2 * RefusalLimit::kBytesPerDay - 100'000);
    CHECK_FALSE(limit.admit(AuditEvent::login, RefusalLimit::kBytesPerDay + 1, kStart + seconds(1'000'000)));
}

TEST_CASE("what was left out is told once, after a while") {
    RefusalLimit limit;
    CHECK(limit.take_left_out(AuditEvent::login, kStart, true) == 0);
    admitted(limit, AuditEvent::login, 1000, kStart);
    CHECK(limit.take_left_out(AuditEvent::login, kStart + seconds(59), false) == 0);
    CHECK(limit.take_left_out(AuditEvent::account, kStart + seconds(60), false) == 0);
    CHECK(limit.take_left_out(AuditEvent::login, kStart + seconds(60), false) == 800);
    CHECK(limit.take_left_out(AuditEvent::login, kStart + seconds(60), false) == 0);
    admitted(limit, AuditEvent::login, 250, kStart);
    CHECK(limit.take_left_out(AuditEvent::login, kStart, true) == 250);
}

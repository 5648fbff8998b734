#include "cli/audit_view.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <ctime>

using namespace xos;
using std::chrono::seconds;
using std::chrono::sys_seconds;

namespace {

// 2026-11-28 20:00:00 UTC
constexpr sys_seconds kTime{seconds(1795896000)};

AuditRecord refusal() {
    return {.login = "user1@physics",
            .remote = "192.0.2.1",
            .service = "sshd",
            .reason = "no such member",
            .time = kTime};
}

// The reader's time zone while it lives.
struct TimeZone {
    explicit TimeZone(const char* zone) {
        setenv("TZ", zone, 1);
        tzset();
    }
    ~TimeZone() {
        unsetenv("TZ");
        tzset();
    }
    TimeZone(const TimeZone&) = delete;
    TimeZone& operator=(const TimeZone&) = delete;
};

}  // namespace

TEST_CASE("a row is local time, event, decision, who, from where, by what, why") {
    const TimeZone zone("XST-2");  // two hours east of UTC
    CHECK(format_audit_row(refusal()) ==
          "2026-11-28 22:00:00  login           refuse  user1@physics             192.0.2.1        sshd      "
          "    "
          "no such member\n");
    AuditRecord record = refusal();
    record.event = AuditEvent::session;
    record.permit = true;
    record.session = 12;
    record.remote = record.reason = "";
    CHECK(format_audit_row(record) ==
          "2026-11-28 22:00:00  session         permit  user1@physics             -                sshd      "
          "    "
          "session 12\n");
    record.reason = "ended by root";
    CHECK(format_audit_row(record).ends_with("session 12: ended by root\n"));
    const AuditRecord suppressed{
        .event = AuditEvent::suppressed, .reason = "more refusals", .time = kTime, .count = 800};
    CHECK(format_audit_row(suppressed).ends_with("800 records left out: more refusals\n"));
}

TEST_CASE("whom a filter wants") {
    const AuditRecord record = refusal();
    CHECK(AuditFilter{}.wants(record));
    CHECK(AuditFilter{.vo = "physics", .user = "user1", .refused = true}.wants(record));
    CHECK(AuditFilter{.user = "user1@physics"}.wants(record));
    CHECK_FALSE(AuditFilter{.vo = "chem"}.wants(record));
    CHECK_FALSE(AuditFilter{.user = "user"}.wants(record));
    CHECK_FALSE(AuditFilter{.user = "user1@chem"}.wants(record));
    CHECK(AuditFilter{.since = kTime}.wants(record));
    CHECK_FALSE(AuditFilter{.since = kTime + seconds(1)}.wants(record));
    AuditRecord permitted = record;
    permitted.permit = true;
    CHECK_FALSE(AuditFilter{.refused = true}.wants(permitted));
}

TEST_CASE("a name outside the grammar is found as it was claimed") {
    AuditRecord record = refusal();
    record.login = "User1@physics";
    CHECK(AuditFilter{.user = "User1@physics"}.wants(record));
    CHECK_FALSE(AuditFilter{.vo = "physics"}.wants(record));
}

TEST_CASE("what was left out may be of anybody, but not of any time") {
    const AuditRecord record{.event = AuditEvent::suppressed, .time = kTime, .count = 1};
    CHECK(AuditFilter{.vo = "physics", .user = "user1", .refused = true}.wants(record));
    CHECK_FALSE(AuditFilter{.since = kTime + seconds(1)}.wants(record));
}

TEST_CASE("since when") {
    const TimeZone zone("XST-2");
    CHECK(read_since("2h", kTime) == kTime - seconds(7200));
    CHECK(read_since("3d", kTime) == kTime - seconds(3 * 86400));
    CHECK(read_since("2026-11-28 22:00", {}) == kTime);
    CHECK(read_since("2026-11-28T20:00:00Z", {}) == kTime);
    CHECK(read_since("2026-11-28 20:00 UTC", {}) == kTime);
    CHECK(read_since("2026-11-29", {}) == kTime + seconds(2 * 3600));
    for (const char* text : {"", "2", "yesterday", "2026-13-01", "-2h", "2026-11-28 22"})
        CHECK_FALSE(read_since(text, kTime));
}

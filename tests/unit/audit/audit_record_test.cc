#include "common/audit/audit_record.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>

using namespace xos;
using std::chrono::sys_seconds;

namespace {

// 2026-11-28 20:00:00 UTC
constexpr sys_seconds kTime{std::chrono::seconds(1795896000)};

AuditRecord full_record() {
    return {.event = AuditEvent::session,
            .permit = true,
            .login = "user1@physics",
            .uid = 1879048193,
            .serial = "0A1B",
            .fingerprint = "SHA256:abc",
            .remote = "192.0.2.1",
            .service = "sshd",
            .session = 12,
            .reason = "because",
            .time = kTime};
}

AuditRecord hostile_record() {
    AuditRecord record;
    record.login = std::string("user1\n{\"decision\":\"permit\"}\0@physics", 36);
    record.remote = "a\"b\\c\x1b[31m\x7f";
    record.service = "\xff\xfe\xc3";
    record.serial = "1\nXOS_DECISION=permit";
    record.reason = std::string(1'000'000, '\\');
    record.time = kTime;
    return record;
}

std::map<std::string, std::string> entry_of(const AuditRecord& record) {
    std::map<std::string, std::string> fields;
    for (const std::string& field : format_audit_entry(record)) {
        const size_t equals = field.find('=');
        REQUIRE(equals != std::string::npos);
        REQUIRE(fields.emplace(field.substr(0, equals), field.substr(equals + 1)).second);
    }
    return fields;
}

Outcome<AuditRecord> read_entry(const std::map<std::string, std::string>& fields) {
    return parse_audit_entry(
        [&](const char* name) -> std::optional<std::string> {
            const auto found = fields.find(name);
            return found == fields.end() ? std::nullopt : std::optional(found->second);
        },
        kTime);
}

}  // namespace

TEST_CASE("a line holds what is documented, in that order") {
    CHECK(
        format_audit_line(full_record()) ==
        R"({"time":"2026-11-28T20:00:00Z","event":"session","decision":"permit","vo":"physics","user":"user1",)"
        R"("uid":1879048193,"serial":"0A1B","fingerprint":"SHA256:abc","remoteHost":"192.0.2.1",)"
        R"("service":"sshd","reason":"because","session":12})");
    CHECK(format_audit_line({.time = kTime}) ==
          R"({"time":"2026-11-28T20:00:00Z","event":"login","decision":"refuse"})");
}

TEST_CASE("a line is read as it was written") {
    for (const AuditRecord& record : {full_record(), AuditRecord{.time = kTime}, hostile_record()}) {
        const std::string line = format_audit_line(record);
        const auto again = parse_audit_line(line);
        REQUIRE(again);
        CHECK(format_audit_line(*again) == line);
        CHECK(again->time == record.time);
    }
    const auto again = parse_audit_line(format_audit_line(full_record()));
    CHECK(again->login == "user1@physics");
    CHECK(again->uid == 1879048193);
    CHECK(again->session == 12);
    CHECK(again->permit);
}

TEST_CASE("no value forges a line or a field, and none is long") {
    const std::string line = format_audit_line(hostile_record());
    CHECK(line.size() < kAuditLineMax);
    CHECK(std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; }));
    const auto record = parse_audit_line(line);
    REQUIRE(record);
    CHECK_FALSE(record->permit);
    CHECK(record->login == "user1?{\"decision\":\"permit\"}?@physics");
    CHECK(record->remote == "a\"b\\c?[31m?");
    CHECK(record->service == "???");
    CHECK(record->reason == std::string(kAuditValueMax, '\\'));
    CHECK_FALSE(line.contains("\"vo\""));

    const auto entry = entry_of(hostile_record());
    CHECK(entry.at("XOS_DECISION") == "refuse");
    CHECK(entry.at("XOS_SERIAL") == "1?XOS_DECISION=permit");
    for (const auto& [name, value] : entry) {
        CHECK(std::ranges::all_of(name + value, [](char c) { return c >= ' ' && c <= '~'; }));
        CHECK(value.size() <= 4 * kAuditValueMax);
    }
}

TEST_CASE("what is no record") {
    for (const char* line :
         {"", "{", "[]", "null", "7", "{}", R"({"time":"2026-11-28T20:00:00Z"})",
          R"({"time":"yesterday","event":"login","decision":"refuse"})",
          R"({"time":7,"event":"login","decision":"refuse"})",
          R"({"time":"2026-11-28T20:00:00Z","event":"logon","decision":"refuse"})",
          R"({"time":"2026-11-28T20:00:00Z","event":"login","decision":"perhaps"})",
          R"({"time":"2026-11-28T20:00:00Z","event":"login","decision":"refuse","uid":-1})",
          R"({"time":"2026-11-28T20:00:00Z","event":"login","decision":"refuse","uid":4294967296})",
          R"({"time":"2026-11-28T20:00:00Z","event":"login","decision":"refuse","user":[]})",
          R"({"time":"2026-11-28T20:00:00Z","event":"login","decision":"refuse","decision":"permit"})"})
        CHECK_FALSE(parse_audit_line(line));
    CHECK_FALSE(parse_audit_line(std::string(kAuditLineMax + 1, ' ')));
    CHECK_FALSE(parse_audit_line(std::string(1000, '[')));
}

TEST_CASE("a line of a later version is read") {
    const auto record = parse_audit_line(
        R"({"time":"2026-11-28T20:00:00Z","event":"login","decision":"refuse","new":{"a":[1]},"user":"x"})");
    REQUIRE(record);
    CHECK(record->login == "x");
}

TEST_CASE("an entry of the journal has the documented fields, and a text for a person") {
    const auto entry = entry_of(full_record());
    const std::map<std::string, std::string> expected = {
        {"MESSAGE", "audit: session permitted user1@physics from 192.0.2.1 by sshd: because"},
        {"MESSAGE_ID", kAuditMessageId},
        {"PRIORITY", "6"},
        {"SYSLOG_IDENTIFIER", "xosd"},
        {"XOS_EVENT", "session"},
        {"XOS_DECISION", "permit"},
        {"XOS_VO", "physics"},
        {"XOS_USER", "user1"},
        {"XOS_UID", "1879048193"},
        {"XOS_SERIAL", "0A1B"},
        {"XOS_FINGERPRINT", "SHA256:abc"},
        {"XOS_REMOTE_HOST", "192.0.2.1"},
        {"XOS_SERVICE", "sshd"},
        {"XOS_SESSION", "12"},
        {"XOS_REASON", "because"}};
    CHECK(entry == expected);
    CHECK(entry_of({}).at("PRIORITY") == "5");
}

TEST_CASE("an entry is read as it was written") {
    for (const AuditRecord& record :
         {full_record(), AuditRecord{.time = kTime}, hostile_record(),
          AuditRecord{.event = AuditEvent::suppressed, .time = kTime, .count = 800}}) {
        const auto again = read_entry(entry_of(record));
        REQUIRE(again);
        CHECK(format_audit_line(*again) == format_audit_line(record));
    }
    auto fields = entry_of(full_record());
    for (const char* number : {"", "-1", "12x", "4294967296"}) {
        fields["XOS_UID"] = number;
        CHECK_FALSE(read_entry(fields));
    }
    CHECK_FALSE(read_entry({}));
}

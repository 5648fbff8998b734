#include "xosd/session/session_source.h"

#include <catch2/catch_test_macros.hpp>

using namespace xos;
using namespace std::chrono_literals;

TEST_CASE("the service says where a session's credential comes from") {
    CHECK(source_of("sshd") == SessionSource::key);
    CHECK(source_of("cron") == SessionSource::delegated);
    CHECK(source_of("atd") == SessionSource::delegated);
    CHECK(source_of("systemd-user") == SessionSource::session);
    for (const char* service : {"su", "su-l", "sudo", "sudo-i", "login", "runuser", "sshd2", "", "cron "})
        CHECK(source_of(service) == SessionSource::caller);
}

TEST_CASE("who has authenticated may use it once, in the same process, for the same name, for a while") {
    Authentications noted;
    const Authentications::Time start{};
    const auto note = [&] { noted.note(100, 7, "user1@physics", {"PEM", "4a", "SHA256:x", {}}, start); };
    note();
    const auto taken = noted.take(100, 7, "user1@physics", start + 1s);
    REQUIRE(taken);
    CHECK(taken->chain == "PEM");
    CHECK_FALSE(noted.take(100, 7, "user1@physics", start + 1s));
    note();
    CHECK_FALSE(noted.take(101, 7, "user1@physics", start));
    CHECK_FALSE(noted.take(100, 8, "user1@physics", start));  // the number is another process's now
    note();
    CHECK_FALSE(noted.take(100, 7, "user2@physics", start));
    note();
    CHECK_FALSE(noted.take(100, 7, "user1@physics", start + Authentications::kLifetime));
}

TEST_CASE("a flood of authentications is bounded, and what is old makes room") {
    Authentications noted;
    const Authentications::Time start{};
    for (size_t i = 0; i <= Authentications::kMost; ++i)
        noted.note(static_cast<pid_t>(i + 1), 7, "user1@physics", {"PEM", "", "", {}}, start);
    CHECK_FALSE(noted.take(static_cast<pid_t>(Authentications::kMost + 1), 7, "user1@physics", start));
    const auto later = start + Authentications::kLifetime;
    noted.note(5000, 7, "user1@physics", {"PEM", "", "", {}}, later);
    CHECK(noted.take(5000, 7, "user1@physics", later));
}

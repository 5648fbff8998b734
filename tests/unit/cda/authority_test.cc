#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/unit/cda/test_authority.h"

using namespace xos;
using namespace std::chrono_literals;

TEST_CASE("a VO is made with its keys, and its bundle opens by the fingerprint") {
    TestAuthority authority;
    const VoSummary vo = must(authority->create_vo("physics", {}, kNow));
    CHECK(vo.identity.record.not_after == kNow + std::chrono::days(365));
    const Bundle bundle = authority.bundle();
    CHECK(bundle.vo == vo.identity.record);
    CHECK(bundle.serial == 1);
    CHECK(bundle.not_after == kNow + 24h);
    CHECK(bundle.groups == std::vector<Group>{{"members", 0}});
    CHECK(bundle.policy == kDefaultPolicy);
    for (const char* file : {"vo.pem", "ca.pem", "registrar.pem", "host.pem"}) {
        struct stat status;
        REQUIRE(stat((authority.path + "/keys/" + bundle.vo.id + "/" + file).c_str(), &status) == 0);
        CHECK((status.st_mode & 07777) == 0600);
    }
}

TEST_CASE("what cannot be a VO is refused and leaves no keys") {
    TestAuthority authority;
    CHECK_FALSE(authority->create_vo("Physics", {}, kNow));
    CHECK_FALSE(authority->create_vo("../x", {}, kNow));
    CHECK_FALSE(authority->create_vo("physics", {.uid_base = 1000}, kNow));
    CHECK_FALSE(authority->create_vo("physics", {.lifetime = std::chrono::days(0)}, kNow));
    CHECK(std::filesystem::is_empty(authority.path + "/keys"));
    REQUIRE(authority->create_vo("physics", {.uid_base = 0x71000000}, kNow));
    CHECK(authority->create_vo("physics", {}, kNow).error().code == Errc::exists);
    CHECK(authority->show_vo("chem").error().code == Errc::not_found);
}

TEST_CASE("blocks of one authority do not overlap") {
    TestAuthority authority;
    std::vector<uint32_t> bases;
    for (int i = 0; i < 20; ++i)
        bases.push_back(
            must(authority->create_vo(std::format("vo{}", i), {}, kNow)).identity.record.uid_base);
    std::ranges::sort(bases);
    CHECK(std::ranges::adjacent_find(bases) == bases.end());
}

TEST_CASE("numbers are given once and never again") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    const Member first =
        must(authority->add_member("user1@physics", {"analysis", "ops", "analysis", "members"}, {"r"}));
    CHECK(first.number == 1);
    CHECK(first.groups == std::vector<std::string>{"analysis", "ops"});
    CHECK(must(authority->add_member("user2@physics", {"ops", "new"}, {})).number == 2);
    CHECK(authority->add_member("user1@physics", {}, {}).error().code == Errc::exists);
    REQUIRE(authority->remove_member("user1@physics"));
    authority.reopen();
    const Member again = must(authority->add_member("user1@physics", {"analysis"}, {}));
    CHECK(again.number == 3);
    CHECK(again.id != first.id);
    CHECK(authority.bundle().groups ==
          std::vector<Group>{{"analysis", 1}, {"members", 0}, {"new", 3}, {"ops", 2}});
}

TEST_CASE("two managers at once give no number twice") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    const auto admit = [&](const char* letter) {
        const auto registry = must(SqliteRegistry::open(authority.path + "/registry.sqlite"));
        Authority own(*registry, must(KeyDirectory::open(authority.path)));
        for (int i = 0; i < 20; ++i) must(own.add_member(std::format("{}{}@physics", letter, i), {}, {}));
    };
    std::thread thread([&] { admit("a"); });
    admit("b");
    thread.join();
    const Bundle bundle = authority.bundle();  // which checks that names and numbers are unique
    CHECK(bundle.members.size() == 40);
    CHECK(bundle.serial == 41);
}

TEST_CASE("every change moves the serial on") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    must(authority->add_member("user1@physics", {}, {}));
    CHECK(authority.bundle().serial == 2);
    REQUIRE(authority->set_suspended("user1@physics", true));
    CHECK(authority.bundle().serial == 3);
    CHECK(authority.bundle().members[0].suspended);
    CHECK_FALSE(authority->set_suspended("user1@physics", true));
    CHECK_FALSE(authority->set_suspended("user2@physics", true));
    REQUIRE(authority->set_suspended("user1@physics", false));
    REQUIRE(authority->set_policy("physics", "- deny: login\n  user: user1\n"));
    CHECK(authority.bundle().policy == R"([{"deny":["login"],"user":["user1"]}])");
    for (const char* bad : {"", "{}", "[", "[1,]", "login: yes"})
        CHECK_FALSE(authority->set_policy("physics", bad));
    CHECK_FALSE(authority->set_policy("chem", "[]"));
    REQUIRE(authority->remove_member("user1@physics"));
    CHECK_FALSE(authority->remove_member("user1@physics"));
    CHECK(authority.bundle().serial == 6);
    CHECK(authority.bundle().members.empty());
}

TEST_CASE("credentials go to members only, and say what the record says") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    const Member member = must(authority->add_member("user1@physics", {"analysis"}, {"operator"}));
    const SigningKey key = must(SigningKey::generate());
    const std::string request = must(make_request("user1", key));
    const IssuedCredential issued = must(authority->issue("user1@physics", request, 12h, kNow));
    const auto verified =
        must(verify_chain(as_bytes(issued.chain_pem), authority.bundle().vo.ca_certificate, "physics", kNow));
    CHECK(verified.attributes == XosAttributes{"physics", member.id, "user1", 1, {"analysis"}, {"operator"}});

    must(authority->add_member("user2@physics", {}, {}));
    CHECK(authority->issue("user2@physics", request, 12h, kNow).error().message.contains("is not CN=user2"));
    CHECK_FALSE(authority->issue("user9@physics", request, 12h, kNow));
    CHECK_FALSE(authority->issue("user1@chem", request, 12h, kNow));
    CHECK_FALSE(authority->issue("user1", request, 12h, kNow));
    CHECK_FALSE(authority->issue("user1@physics", request, 25h, kNow));
    CHECK(authority->issue("user1@physics", request, 12h, kNow + std::chrono::days(365))
              .error()
              .message.contains("ended"));
    CHECK_FALSE(authority->export_bundle("physics", kNow + std::chrono::days(365)));
    REQUIRE(authority->set_suspended("user1@physics", true));
    CHECK(authority->issue("user1@physics", request, 12h, kNow).error().message.contains("suspended"));
}

TEST_CASE("a revoked serial is in the bundle for as long as it matters") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    must(authority->add_member("user1@physics", {}, {}));
    const std::string request = must(make_request("user1", must(SigningKey::generate())));
    const IssuedCredential issued = must(authority->issue("user1@physics", request, 12h, kNow));
    CHECK(must(authority->revoke(issued.serial)) == "user1@physics");
    CHECK(authority->revoke(issued.serial).error().code == Errc::exists);
    CHECK(authority->revoke("00ff").error().code == Errc::not_found);
    CHECK(authority->revoke("../../x").error().code == Errc::invalid);
    CHECK(authority.bundle().revoked_serials == std::vector<std::string>{issued.serial});
    CHECK(authority.bundle("physics", kNow + 48h).revoked_serials.empty());
}

TEST_CASE("all credentials of a member until now are revoked, and one of the same second is good") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    must(authority->add_member("user1@physics", {}, {}));
    const std::string request = must(make_request("user1", must(SigningKey::generate())));
    const auto issuing_time_at = [&](std::chrono::sys_seconds now) {
        return must(authority->issue("user1@physics", request, 12h, now)).not_before + kCredentialBackdate;
    };
    const auto before = issuing_time_at(kNow + 1h);
    must(authority->revoke_member("user1@physics", kNow + 1h));
    const auto from = authority.bundle().members[0].credentials_from;
    CHECK(before < from);
    CHECK(issuing_time_at(kNow + 1h) == from);
    CHECK(issuing_time_at(kNow + 2h) == kNow + 2h);
    // a clock that went back neither undoes a revocation nor gives credentials for the future
    must(authority->revoke_member("user1@physics", kNow));
    CHECK(authority.bundle().members[0].credentials_from == from);
    CHECK(authority->issue("user1@physics", request, 12h, kNow).error().code == Errc::unavailable);
    CHECK_FALSE(authority->revoke_member("user2@physics", kNow));
}

TEST_CASE("an identity of a grid is revoked in one VO, once") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    const GridIdentity one{"/CN=CA", "/CN=One"};
    REQUIRE(authority->revoke_identity("physics", one));
    CHECK(authority.bundle().revoked_identities == std::vector<GridIdentity>{one});
    CHECK(authority->revoke_identity("physics", one).error().code == Errc::exists);
    CHECK_FALSE(authority->revoke_identity("physics", {"CA", "One"}));
    CHECK_FALSE(authority->revoke_identity("chem", one));
    REQUIRE(authority->revoke_identity("physics", {"/CN=CA", "/CN=Two"}));
    CHECK(authority.bundle().revoked_identities.size() == 2);
}

TEST_CASE("the state directory must be private") {
    TestAuthority authority;
    REQUIRE(chmod(authority.path.c_str(), 0755) == 0);
    CHECK(KeyDirectory::open(authority.path).error().message.contains("chmod 700"));
    CHECK_FALSE(KeyDirectory::open(authority.path + "/absent"));
    const auto keys = KeyDirectory::open(authority.path);
    REQUIRE(chmod(authority.path.c_str(), 0700) == 0);
    const KeyDirectory sound = must(KeyDirectory::open(authority.path));
    CHECK_FALSE(sound.load("../../../etc", KeyRole::ca));
    CHECK_FALSE(sound.load("11111111-2222-4333-8444-555555555555", KeyRole::ca));
}

#include "cda/enrolment.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "cda/authority.h"
#include "cda/sealed_key.h"
#include "common/file.h"
#include "common/registry/sqlite_registry.h"
#include "tests/unit/ssh/command.h"
#include "tests/unit/vo/sample_vo.h"

using namespace xos;
using namespace xos::test;
using namespace std::chrono_literals;

namespace {

struct Office {
    TempDir state;
    std::unique_ptr<SqliteRegistry> registry = must(SqliteRegistry::open(state.path / "registry.sqlite"));
    Authority authority{*registry, must(KeyDirectory::open(state.path))};
    Enrolment enrolment{*registry};
    SigningKey key = must(SigningKey::generate());
    std::string request = must(make_request("user1", key));
    bool wrong_code = false;

    Office() {
        must(authority.create_vo("physics", {}, kNow));
        must(authority.add_member("user1@physics", {}, {}));
    }
    auto enrol(std::string_view secret, std::chrono::sys_seconds now = kNow,
               std::string_view login = "user1@physics") {
        return enrolment.enrol(login, secret, request, now, &wrong_code);
    }
};

}  // namespace

TEST_CASE("a code is for one member, one time, one week") {
    Office office;
    const std::string secret = must(office.enrolment.invite("user1@physics", std::chrono::days(7), kNow));
    CHECK(secret.size() == 22);
    CHECK_FALSE(office.enrolment.key_of("user1@physics", kNow));
    for (const char* wrong : {"", "x", "AAAAAAAAAAAAAAAAAAAAAA"}) {
        CHECK_FALSE(office.enrol(wrong));
        CHECK(office.wrong_code);
    }
    CHECK_FALSE(office.enrol(secret, kNow + 7 * 24h));
    must(office.authority.add_member("user2@physics", {}, {}));
    // whether there is such a member is not told
    CHECK(office.enrol(secret, kNow, "user2@physics").error().message ==
          office.enrol(secret, kNow, "nobody@physics").error().message);
    CHECK(office.enrol(secret, kNow, "user1@chem").error().message ==
          office.enrol(secret, kNow, "nobody@physics").error().message);

    REQUIRE(office.enrol(secret));
    CHECK(must(office.enrolment.key_of("user1@physics", kNow)) == office.key.public_bytes());
    CHECK_FALSE(office.enrol(secret));
    CHECK(office.wrong_code);
}

TEST_CASE("a second code voids the first, and a new key the old") {
    Office office;
    const std::string first = must(office.enrolment.invite("user1@physics", 1h, kNow));
    const std::string second = must(office.enrolment.invite("user1@physics", 1h, kNow));
    CHECK_FALSE(office.enrol(first));
    REQUIRE(office.enrol(second));
    const std::string third = must(office.enrolment.invite("user1@physics", 1h, kNow));
    office.key = must(SigningKey::generate());
    office.request = must(make_request("user1", office.key));
    REQUIRE(office.enrol(third));
    CHECK(must(office.enrolment.key_of("user1@physics", kNow)) == office.key.public_bytes());
}

TEST_CASE("code and key belong to the person, not to the name") {
    Office office;
    const std::string secret = must(office.enrolment.invite("user1@physics", 1h, kNow));
    REQUIRE(office.enrol(secret));
    const std::string unused = must(office.enrolment.invite("user1@physics", 1h, kNow));
    REQUIRE(office.authority.remove_member("user1@physics"));
    CHECK(office.enrolment.key_of("user1@physics", kNow).error().message.contains("no member"));
    must(office.authority.add_member("user1@physics", {}, {}));
    CHECK(office.enrolment.key_of("user1@physics", kNow).error().message.contains("not enrolled"));
    CHECK_FALSE(office.enrol(unused));
    CHECK(office.wrong_code);
}

TEST_CASE("a code does not outweigh a suspension, a bad request or the end of the VO, and survives them") {
    Office office;
    const std::string secret =
        must(office.enrolment.invite("user1@physics", 90 * 24h, kNow + std::chrono::days(300)));
    const auto late = kNow + std::chrono::days(301);
    REQUIRE(office.authority.set_suspended("user1@physics", true));
    CHECK(office.enrol(secret, late).error().message.contains("suspended"));
    CHECK_FALSE(office.wrong_code);
    REQUIRE(office.authority.set_suspended("user1@physics", false));
    const std::string good = std::exchange(office.request, must(make_request("user2", office.key)));
    CHECK(office.enrol(secret, late).error().message.contains("CN=user1"));
    office.request = good;
    CHECK(office.enrol(secret, kNow + std::chrono::days(366)).error().message.contains("ended"));
    CHECK(office.enrol(secret, late));
    CHECK_FALSE(office.enrolment.invite("user1@physics", 91 * 24h, kNow));
    CHECK_FALSE(office.enrolment.invite("user9@physics", 1h, kNow));
}

TEST_CASE("an invitation needs an authority on the network, and that the record pins this one") {
    Office office;
    CHECK(
        office.authority.invite("user1@physics", 1h, kNow).error().message.contains("xos vo serve physics"));
    CHECK_FALSE(office.authority.serve_vo("physics", "http://cda.example.org", kNow));
    const uint64_t serial = must(office.authority.show_vo("physics")).serial;
    const std::string pin = must(office.authority.serve_vo("physics", "https://cda.example.org:8443", kNow));
    const VoSummary vo = must(office.authority.show_vo("physics"));
    CHECK(vo.identity.record.authority == "https://cda.example.org:8443");
    CHECK(vo.identity.record.authority_pin == pin);
    CHECK(vo.identity.record.serial == 2);
    CHECK(vo.serial == serial + 1);
    CHECK(must(office.authority.tls_identity(kNow + 24h)).pin == pin);
    const std::string code = must(office.authority.invite("user1@physics", 1h, kNow));
    CHECK(code.starts_with("user1@physics:"));
    std::filesystem::remove(office.state.path / "tls.key");
    CHECK(office.authority.invite("user1@physics", 1h, kNow).error().code == Errc::conflict);
}

TEST_CASE("keys lie encrypted with the secret, those of before from their next use on") {
    TempDir dir;
    const std::string secret = must(make_secret()), state = dir.path / "state", file = dir.path / "secret";
    std::filesystem::create_directory(state);
    std::filesystem::permissions(state, std::filesystem::perms::owner_all);
    write_file(file, secret);
    CHECK(must(read_secret_file(file)) + "\n" == secret);
    const auto registry = must(SqliteRegistry::open(state + "/registry.sqlite"));
    std::string id, request = must(make_request("user1", must(SigningKey::generate())));
    const auto key_file = [&](const char* name) { return read_file(state + "/keys/" + id + "/" + name); };
    {
        Authority plain(*registry, must(KeyDirectory::open(state)));
        id = must(plain.create_vo("physics", {}, kNow)).identity.record.id;
        must(plain.add_member("user1@physics", {}, {}));
        must(plain.tls_identity(kNow));
        CHECK_FALSE(is_sealed_key(key_file("ca.pem")));
    }
    Authority sealed(*registry, must(KeyDirectory::open(state, must(read_secret_file(file)))));
    REQUIRE(sealed.issue("user1@physics", request, 12h, kNow));
    CHECK(is_sealed_key(key_file("ca.pem")));
    CHECK_FALSE(is_sealed_key(key_file("registrar.pem")));
    REQUIRE(sealed.export_bundle("physics", kNow));
    CHECK(is_sealed_key(key_file("registrar.pem")));
    REQUIRE(sealed.tls_identity(kNow));
    CHECK(is_sealed_key(read_file(state + "/tls.key")));
    REQUIRE(sealed.issue("user1@physics", request, 12h, kNow));
    // another tool opens them with the same file
    CHECK(run_command({"openssl", "pkey", "-in", state + "/keys/" + id + "/ca.pem", "-passin", "file:" + file,
                       "-noout"})
              .status == 0);
    CHECK(run_command(
              {"openssl", "pkey", "-in", state + "/keys/" + id + "/ca.pem", "-passin", "pass:x", "-noout"})
              .status != 0);

    for (const std::string& wrong : {std::string(), must(make_secret())}) {
        Authority other(*registry, must(KeyDirectory::open(state, wrong)));
        CHECK(other.issue("user1@physics", request, 12h, kNow).error().code == Errc::denied);
        CHECK(other.export_bundle("physics", kNow).error().code == Errc::denied);
        CHECK(other.tls_identity(kNow).error().code == Errc::denied);
    }
    std::filesystem::permissions(file, std::filesystem::perms(0644));
    CHECK(read_secret_file(file).error().message.contains("chmod 640"));
    write_file(file, "word\n");
    CHECK_FALSE(read_secret_file(file));
    CHECK(read_secret_file(dir.path / "absent").error().code == Errc::not_found);
}

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "cda/offline_key.h"
#include "tests/unit/cda/test_authority.h"
#include "tests/unit/ssh/command.h"

using namespace xos;
using namespace std::chrono_literals;

namespace {

constexpr auto kYear = std::chrono::days(365);

std::string request_of(const char* user) {
    return must(make_request(user, must(SigningKey::generate())));
}

struct KeyFile {
    std::string path = "/tmp/xos-vo-key-XXXXXX";
    UniqueFd fd{mkstemp(path.data())};
    ~KeyFile() { unlink(path.c_str()); }

    std::string text() const {
        std::ifstream file(path);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    Outcome<SigningKey> read(std::string_view passphrase) const {
        lseek(fd.get(), 0, SEEK_SET);
        return read_offline_key(fd.get(), passphrase);
    }
};

}  // namespace

TEST_CASE("a VO that ended is renewed: a new record, a new certificate of the same CA") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    must(authority->add_member("user1@physics", {}, {}));
    const Bundle before = authority.bundle();
    const auto end = kNow + kYear;
    const IssuedCredential last = must(authority->issue("user1@physics", request_of("user1"), 12h, end - 1s));
    CHECK(last.not_after == end);
    CHECK(authority->issue("user1@physics", request_of("user1"), 12h, end).error().code == Errc::denied);
    CHECK(authority->export_bundle("physics", end).error().code == Errc::denied);
    const auto late = must(authority->export_bundle("physics", end - 1h));
    CHECK(must(open_bundle(late, key_fingerprint(must(authority->show_vo("physics")).identity.vo_key),
                           end - 1h))
              .not_after == end);

    must(authority->renew_vo("physics", kYear, nullptr, end + 1h));
    const Bundle after = authority.bundle("physics", end + 1h);
    CHECK(after.vo.serial == before.vo.serial + 1);
    CHECK(after.serial > before.serial);
    CHECK(after.vo.not_after == end + 1h + kYear);
    CHECK(after.vo.not_before == before.vo.not_before);
    CHECK(after.vo.ca_certificate != before.vo.ca_certificate);
    CHECK(after.members == before.members);
    // a credential of before the renewal verifies with the new certificate, and one of after it
    const IssuedCredential issued =
        must(authority->issue("user1@physics", request_of("user1"), 12h, end + 1h));
    const auto old =
        must(verify_chain(as_bytes(last.chain_pem), after.vo.ca_certificate, "physics", end - 1s));
    CHECK(old.serial == last.serial);
    CHECK(verify_chain(as_bytes(issued.chain_pem), after.vo.ca_certificate, "physics", end + 2h));
    CHECK_FALSE(verify_chain(as_bytes(issued.chain_pem), before.vo.ca_certificate, "physics", end + 2h));
    CHECK_FALSE(authority->renew_vo("physics", std::chrono::days(0), nullptr, end));
    CHECK_FALSE(authority->renew_vo("physics", std::chrono::days(100000), nullptr, end));
}

TEST_CASE("a dissolved VO says so in a last bundle, with everybody revoked, and changes no more") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    must(authority->create_vo("chem", {}, kNow));
    must(authority->add_member("user1@physics", {"analysis"}, {}));
    must(authority->add_member("user1@chem", {}, {}));
    const auto issued = must(authority->issue("user1@physics", request_of("user1"), 12h, kNow));
    must(authority->issue("user1@chem", request_of("user1"), 12h, kNow));
    const Bundle before = authority.bundle();
    REQUIRE(authority->dissolve_vo("physics", nullptr));
    const Bundle last = authority.bundle();
    CHECK(last.vo.dissolved);
    CHECK(last.vo.serial == before.vo.serial + 1);
    CHECK(last.serial > before.serial);
    CHECK(last.members.empty());
    CHECK(last.groups == std::vector<Group>{{kMembersGroup, 0}});
    CHECK(last.revoked_serials == std::vector<std::string>{issued.serial});
    CHECK(must(authority->list_vos()).size() == 2);

    for (const auto& refused :
         {authority->issue("user1@physics", request_of("user1"), 12h, kNow).error(),
          authority->add_member("user2@physics", {}, {}).error(),
          authority->change_member("user1@physics", {.add_groups = {"x"}}).error(),
          authority->import_members("physics", {}, false).error(),
          authority->remove_member("user1@physics").error(),
          authority->renew_vo("physics", kYear, nullptr, kNow).error(),
          authority->set_vo("physics", {.mirrors = {{"https://a/"}}}, nullptr).error(),
          authority->set_policy("physics", "[]").error(), authority->revoke(issued.serial).error(),
          authority->dissolve_vo("physics", nullptr).error()}) {
        CHECK(refused.code == Errc::denied);
        CHECK(refused.message.contains("was dissolved"));
    }
    CHECK(authority->create_vo("physics", {}, kNow).error().code == Errc::exists);
    CHECK(authority.bundle("chem").members.size() == 1);
}

TEST_CASE("where a VO is served and mirrored is part of its signed record") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    const std::string pin = key_fingerprint(must(SigningKey::generate()).public_bytes());
    must(authority->set_vo("physics",
                           {.authority = "https://a.example.org:7443",
                            .authority_pin = pin,
                            .mirrors = {{"http://mirror/physics"}},
                            .bundle_lifetime = 2h},
                           nullptr));
    Bundle bundle = authority.bundle();
    CHECK(bundle.vo.authority == "https://a.example.org:7443");
    CHECK(bundle.vo.authority_pin == pin);
    CHECK(bundle.vo.mirrors == std::vector<std::string>{"http://mirror/physics"});
    CHECK(bundle.not_after == kNow + 2h);
    CHECK(bundle.vo.serial == 2);
    for (const VoSettings& bad :
         {VoSettings{.authority = "http://a/"}, VoSettings{.authority_pin = "SHA256:x"},
          VoSettings{.authority = ""}, VoSettings{.mirrors = {{"ftp://a/"}}},
          VoSettings{.bundle_lifetime = 1s}, VoSettings{}})
        CHECK_FALSE(authority->set_vo("physics", bad, nullptr));
    CHECK(authority.bundle().vo == bundle.vo);
    must(authority->set_vo(
        "physics", {.authority = "", .authority_pin = "", .mirrors = std::vector<std::string>{}}, nullptr));
    CHECK(authority.bundle().vo.mirrors.empty());
}

TEST_CASE("a VO key that cannot be read is here all the same") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    const std::string folder = authority.path + "/keys/" + authority.bundle().vo.id;
    test::write_file(folder + "/vo.pem", "rubbish");
    CHECK_FALSE(authority->renew_vo("physics", kYear, nullptr, kNow));
    CHECK(must(authority->show_vo("physics")).vo_key_is_here);
    std::filesystem::remove(folder + "/vo.pem");
    CHECK_FALSE(must(authority->show_vo("physics")).vo_key_is_here);
    std::filesystem::remove_all(folder);
    CHECK_FALSE(must(authority->show_vo("physics")).vo_key_is_here);
}

TEST_CASE("a VO key that was detached is in the file alone, and needed again") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    must(authority->create_vo("chem", {}, kNow));
    const Bundle before = authority.bundle();
    const KeyFile file, other;
    const auto keep = [](const KeyFile& into) {
        return
            [&into](const SigningKey& key) { return write_offline_key(into.fd.get(), key, "correct horse"); };
    };
    // what cannot be written is not taken out
    CHECK_FALSE(authority->detach_vo_key("physics", [](const SigningKey&) -> Outcome<void> {
        return failure(Errc::system, "the disk is full");
    }));
    REQUIRE(authority->detach_vo_key("physics", keep(file)));
    REQUIRE(authority->detach_vo_key("chem", keep(other)));
    CHECK_FALSE(std::filesystem::exists(authority.path + "/keys/" + before.vo.id + "/vo.pem"));
    CHECK(file.text().starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    CHECK(authority->detach_vo_key("physics", keep(file)).error().message.contains("--key FILE"));

    // all that is daily work goes on without it
    must(authority->add_member("user1@physics", {}, {}));
    must(authority->issue("user1@physics", request_of("user1"), 12h, kNow));
    CHECK(authority.bundle().vo == before.vo);
    CHECK_FALSE(authority->renew_vo("physics", kYear, nullptr, kNow));
    CHECK_FALSE(authority->dissolve_vo("physics", nullptr));
    CHECK_FALSE(authority->set_vo("physics", {.bundle_lifetime = 2h}, nullptr));

    CHECK(file.read("wrong").error().code == Errc::denied);
    CHECK_FALSE(file.read(""));
    const SigningKey key = must(file.read("correct horse")), wrong = must(other.read("correct horse"));
    CHECK(key_fingerprint(key.public_bytes()) == must(authority->show_vo("physics")).fingerprint);
    const auto refused = authority->renew_vo("physics", kYear, &wrong, kNow);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::denied);
    CHECK(authority.bundle().vo == before.vo);
    must(authority->renew_vo("physics", kYear, &key, kNow + 1h));
    CHECK(authority.bundle().vo.serial == before.vo.serial + 1);
    REQUIRE(authority->dissolve_vo("physics", &key));
}

TEST_CASE("a VO can be made whose key was never kept") {
    TestAuthority authority;
    const KeyFile file;
    const auto keep = [&](const SigningKey& key) {
        return write_offline_key(file.fd.get(), key, "correct horse");
    };
    const VoSummary vo = must(authority->create_vo("physics", {.keep_vo_key = keep}, kNow));
    CHECK_FALSE(vo.vo_key_is_here);
    CHECK_FALSE(std::filesystem::exists(authority.path + "/keys/" + vo.identity.record.id + "/vo.pem"));
    CHECK(must(file.read("correct horse")).public_bytes() == vo.identity.vo_key);
    const auto full = [](const SigningKey&) -> Outcome<void> {
        return failure(Errc::system, "the disk is full");
    };
    CHECK_FALSE(authority->create_vo("chem", {.keep_vo_key = full}, kNow));
    CHECK(authority->show_vo("chem").error().code == Errc::not_found);
    CHECK(std::distance(std::filesystem::directory_iterator(authority.path + "/keys"), {}) == 1);
}

TEST_CASE("a VO key goes into a new file and into nothing else") {
    const SigningKey key = must(SigningKey::generate());
    const KeyFile file;
    REQUIRE(write(file.fd.get(), "x", 1) == 1);
    CHECK_FALSE(write_offline_key(file.fd.get(), key, "correct horse"));
    int pipe_ends[2];
    REQUIRE(pipe2(pipe_ends, O_CLOEXEC) == 0);
    const UniqueFd read_end(pipe_ends[0]), write_end(pipe_ends[1]);
    CHECK_FALSE(write_offline_key(write_end.get(), key, "correct horse"));
    const UniqueFd read_only(open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(ftruncate(file.fd.get(), 0) == 0);
    CHECK_FALSE(write_offline_key(read_only.get(), key, "correct horse"));
    CHECK_FALSE(write_offline_key(-1, key, "correct horse"));

    const auto passphrase = [](std::string_view text, bool is_new) {
        const UniqueFd memory(memfd_create("passphrase", MFD_CLOEXEC));
        REQUIRE(write(memory.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
        lseek(memory.get(), 0, SEEK_SET);
        return read_passphrase(memory.get(), is_new);
    };
    CHECK(must(passphrase("correct horse\r\nignored", true)) == "correct horse");
    CHECK_FALSE(passphrase("short", true));
    CHECK(must(passphrase("short", false)) == "short");
    CHECK_FALSE(passphrase("\n", false));
    CHECK_FALSE(passphrase(std::string(kPassphraseMax + 1, 'x'), true));
}

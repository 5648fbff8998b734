// xos token login with the real programs: what the authority answers is taken as at every other login.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/unit/cda/running_authority.h"
#include "tests/unit/cda/token_maker.h"
#include "tests/unit/cli/desk.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr char kIssuer[] = "https://login.example.org";

struct TokenDesk : Desk {
    TokenKey key = TokenKey::p256();
    std::string token =
        key.sign(header("ES256", "e"),
                 compose(R"({{"iss":"{}","aud":"here","sub":"user1","exp":{}}})", kIssuer,
                         seconds(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) +
                                 std::chrono::hours(1))));

    // The VO of cda takes tokens by our issuer, and user1 is a member.
    void admit(const RunningAuthority& cda) const {
        REQUIRE(cda.command({"member", "add", "user1@physics"}).status == 0);
        const std::vector<std::string> add{
            std::getenv("XOS_CDA"), "--state", cda.state, "vo", "issuer", "add", "physics", kIssuer,
            "--audience=here"};
        const auto added = run_command(add, {}, jwk_set({key.jwk("e")}));
        INFO(added.errors);
        REQUIRE(added.status == 0);
    }
    CommandResult log_in() const { return xos({"token", "login", "physics"}, token); }
    CommandResult log_in(const RunningAuthority& cda) const {
        return xos({"token", "login", "physics", "--url", cda.url, "--pin", cda.pin}, token);
    }
    std::string known() const {
        return read_file(folder / "authority.json") + read_file(folder / "record.json");
    }
};

}  // namespace

TEST_CASE("a token logs in, and a second one needs no address") {
    const RunningAuthority cda;
    const TokenDesk desk;
    desk.admit(cda);
    CHECK_THAT(desk.log_in().errors, ContainsSubstring("name it with --url and --pin"));
    const auto login = desk.log_in(cda);
    INFO(login.errors);
    REQUIRE(login.status == 0);
    CHECK_THAT(desk.loaded(), ContainsSubstring("user1@physics (ED25519-CERT)"));
    CHECK(desk.log_in().status == 0);
    CHECK(desk.log_in(cda).status == 0);
}

TEST_CASE("an address that is named moves no desk to another VO of the same name") {
    const RunningAuthority cda, other;
    const TokenDesk desk;
    desk.admit(cda);
    desk.admit(other);
    REQUIRE(desk.log_in(cda).status == 0);
    const std::string before = desk.known();
    const auto moved = desk.log_in(other);
    CHECK(moved.status == 1);
    CHECK_THAT(moved.errors, ContainsSubstring("another VO of that name"));
    CHECK(desk.known() == before);
}

TEST_CASE("a record older than the one known is refused, whoever named the address") {
    RunningAuthority cda;
    const TokenDesk desk;
    desk.admit(cda);
    const std::string port = cda.port(), past = cda.dir.path / "past";
    REQUIRE(cda.stop() == 0);
    std::filesystem::copy(cda.state, past, std::filesystem::copy_options::recursive);
    REQUIRE(cda.command({"vo", "serve", "physics", cda.url + "/"}).status == 0);
    cda.start(port);
    REQUIRE(desk.log_in(cda).status == 0);
    const std::string before = desk.known();
    REQUIRE(cda.stop() == 0);
    std::filesystem::remove_all(cda.state);
    std::filesystem::rename(past, cda.state);
    cda.start(port);
    for (const auto& login : {desk.log_in(cda), desk.log_in()}) {
        CHECK(login.status == 1);
        CHECK_THAT(login.errors, ContainsSubstring("older than the one known here"));
    }
    CHECK(desk.known() == before);
}

TEST_CASE("the record may move the pin where the VO's key is known, and not at first contact") {
    const RunningAuthority cda;
    const TokenDesk desk, stranger;
    desk.admit(cda);
    REQUIRE(desk.log_in(cda).status == 0);
    // the key is changed, and the server goes on with the old one until it is started anew
    for (const char* name : {"tls.key", "tls.pem"}) std::filesystem::remove(cda.state + "/" + name);
    REQUIRE(cda.command({"vo", "serve", "physics", cda.url}).status == 0);
    const auto first =
        stranger.xos({"token", "login", "physics", "--url", cda.url, "--pin", cda.pin}, desk.token);
    CHECK(first.status == 1);
    CHECK_THAT(first.errors, ContainsSubstring("pins another authority than the one that answered"));
    CHECK(stranger.known().empty());
    const auto moved = desk.log_in();
    INFO(moved.errors);
    CHECK(moved.status == 0);
    const std::string pin = cda.command({"pin"}).output;
    CHECK_THAT(desk.known(), ContainsSubstring(pin.substr(0, pin.find('\n'))));
}

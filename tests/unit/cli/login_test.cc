// The user's day at the desk, with the real programs: xos, ssh-agent, ssh-keygen, ssh.
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "common/json.h"
#include "tests/unit/cli/desk.h"
#include "tests/unit/verifier/credential_fixture.h"
#include "xosd/verifier/credential_check.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// A desk, and the authority that its requests are carried to.
struct MemberDesk : Desk {
    TestVo physics{"physics"};

    // What the authority would make of the request, in a file.
    std::string issue(const std::string& request, std::chrono::seconds age = 0s,
                      const TestVo* vo = nullptr) const {
        const TestVo& by = vo ? *vo : physics;
        const auto issued =
            issue_credential(request, by.user("user1"), by.certificate, by.key, test_now() - age, 1h);
        const std::string path = home.path / "issued.pem";
        write_file(path, issued->chain_pem);
        return path;
    }
    std::string request() const {
        const auto made = xos({"credential", "request", "user1@physics"});
        REQUIRE(made.status == 0);
        return made.output;
    }
};

mode_t mode_of(const std::filesystem::path& path) {
    struct stat status{};
    return stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

}  // namespace

TEST_CASE("a request makes a key once, for its owner alone") {
    const MemberDesk desk;
    const std::string file = desk.home.path / "request.pem";
    const auto made = desk.xos({"credential", "request", "user1@physics", "-o", file});
    REQUIRE(made.status == 0);
    CHECK_THAT(read_file(file), ContainsSubstring("BEGIN CERTIFICATE REQUEST"));
    CHECK(mode_of(desk.folder) == 0700);
    CHECK(mode_of(desk.folder / "user1.key") == 0600);
    const std::string key = read_file(desk.folder / "user1.key");
    CHECK_THAT(desk.request(), ContainsSubstring("BEGIN CERTIFICATE REQUEST"));
    CHECK(read_file(desk.folder / "user1.key") == key);
}

TEST_CASE("login loads the agent with what a node's verifier accepts") {
    const MemberDesk desk;
    const auto login = desk.xos({"login", "user1@physics", "--credential", desk.issue(desk.request())});
    INFO(login.errors);
    REQUIRE(login.status == 0);
    CHECK_THAT(login.output,
               ContainsSubstring("Logged in as user1@physics until") && ContainsSubstring("min left") &&
                   ContainsSubstring("Include " + desk.home.path.string() + "/.config/xos/ssh_config"));
    CHECK_THAT(desk.agent.ssh_add("-l").output, ContainsSubstring("user1@physics (ED25519-CERT)"));
    CHECK(desk.agent.ssh_add("-L").output == read_file(desk.folder / "user1-cert.pub"));

    const std::string line = read_file(desk.folder / "user1-cert.pub");
    const auto credential = check_credential({.ssh_key = line.substr(0, line.rfind(' ')),
                                              .ca_certificate = desk.physics.certificate,
                                              .vo = "physics",
                                              .now = test_now()});
    REQUIRE(credential);
    CHECK(credential->attributes.login == "user1");

    const auto shown = desk.xos({"whoami"});
    CHECK(shown.status == 0);
    CHECK_THAT(shown.output, ContainsSubstring("user1@physics\n") &&
                                 ContainsSubstring("analysis@physics, members@physics") &&
                                 ContainsSubstring("production") &&
                                 ContainsSubstring(credential->fingerprint) &&
                                 ContainsSubstring(credential->serial) && ContainsSubstring("ssh agent"));
    const auto json = Json::parse(desk.xos({"whoami", "--json"}).output, {}, "whoami");
    REQUIRE(json);
    const JsonNode root = json->root();
    CHECK(root.array(8) == 1u);
    CHECK(root.at(0).string("login", 99) == "user1@physics");

    SECTION("a second login replaces the first") {
        REQUIRE(desk.xos({"login", "user1@physics"}).status == 0);
        const std::string list = desk.agent.ssh_add("-l").output;
        CHECK(std::ranges::count(list, '\n') == 1);
    }
    SECTION("logout takes it out") {
        const auto logout = desk.xos({"logout"});
        CHECK(logout.status == 0);
        CHECK_THAT(desk.agent.ssh_add("-l").output, ContainsSubstring("no identities"));
        CHECK_FALSE(std::filesystem::exists(desk.folder / "user1-cert.pub"));
        CHECK(desk.xos({"whoami"}).status == 1);
        CHECK(desk.xos({"logout"}).status == 1);
    }
    SECTION("stock ssh offers this certificate alone to that login, and others as ever") {
        const std::string config = desk.home.path / ".config/xos/ssh_config";
        const auto settings = run_command({"ssh", "-F", config, "-G", "user1@physics@node"});
        CHECK_THAT(settings.output,
                   ContainsSubstring("user user1@physics\n") && ContainsSubstring("hostname node\n") &&
                       ContainsSubstring("identitiesonly yes") &&
                       ContainsSubstring("identityfile " + (desk.folder / "user1-cert.pub").string()));
        const auto others = run_command({"ssh", "-F", config, "-G", "user2@physics@node"});
        CHECK_THAT(others.output,
                   ContainsSubstring("identitiesonly no") && !ContainsSubstring("user1-cert.pub"));
    }
}

TEST_CASE("a login that cannot be is refused with what to do, and changes nothing") {
    const MemberDesk desk;
    const auto refused = [&](std::vector<std::string> words, bool with_agent = true) {
        words.insert(words.begin(), "login");
        const auto result = desk.xos(words, "", with_agent);
        CHECK(result.status == 1);
        CHECK_THAT(desk.agent.ssh_add("-l").output, ContainsSubstring("no identities"));
        CHECK_FALSE(std::filesystem::exists(desk.folder / "user1-cert.pub"));
        return result.errors;
    };
    SECTION("no key") {
        CHECK_THAT(refused({"user1@physics"}), ContainsSubstring("xos credential request"));
    }
    SECTION("no login name") {
        CHECK_THAT(refused({"user1"}), ContainsSubstring("USER@VO"));
    }
    SECTION("no credential") {
        desk.request();
        CHECK_THAT(refused({"user1@physics"}), ContainsSubstring("--credential"));
    }
    SECTION("no agent") {
        const std::string issued = desk.issue(desk.request());
        CHECK_THAT(refused({"user1@physics", "--credential", issued}, false), ContainsSubstring("ssh-agent"));
    }
    SECTION("expired") {
        const std::string issued = desk.issue(desk.request(), 2h);
        CHECK_THAT(refused({"user1@physics", "--credential", issued}),
                   ContainsSubstring("request a new one"));
        CHECK_FALSE(std::filesystem::exists(desk.folder / "user1.pem"));
    }
    SECTION("another key's credential") {
        desk.request();
        const std::string issued = desk.issue(*make_request("user1", *SigningKey::generate()));
        CHECK_THAT(refused({"user1@physics", "--credential", issued}), ContainsSubstring("for another key"));
        CHECK_FALSE(std::filesystem::exists(desk.folder / "user1.pem"));
    }
    SECTION("another VO's credential") {
        const TestVo chemistry("chemistry");
        const std::string issued = desk.issue(desk.request(), 0s, &chemistry);
        CHECK_THAT(refused({"user1@physics", "--credential", issued}),
                   ContainsSubstring("is of user1@chemistry"));
    }
    SECTION("not a credential at all") {
        desk.request();
        CHECK(!refused({"user1@physics", "--credential", "/etc/passwd"}).empty());
        CHECK(!refused({"user1@physics", "--credential", "/dev/zero"}).empty());
        CHECK(!refused({"user1@physics", "--credential", "/"}).empty());
    }
    SECTION("a folder that others may write into") {
        const std::string issued = desk.issue(desk.request());
        std::filesystem::permissions(desk.folder, std::filesystem::perms(0777));
        CHECK_THAT(refused({"user1@physics", "--credential", issued}), ContainsSubstring("chmod go-w"));
    }
}

TEST_CASE("a credential can be shown, and refused ones say why") {
    const MemberDesk desk;
    const std::string issued = desk.issue(desk.request());
    const auto shown = desk.xos({"credential", "show", issued});
    CHECK(shown.status == 0);
    CHECK_THAT(shown.output, ContainsSubstring("user1@physics") && ContainsSubstring("min left"));
    const auto json =
        Json::parse(desk.xos({"credential", "show", "--json", issued}).output, {}, "credential");
    REQUIRE(json);
    CHECK(json->root().boolean("valid") == true);
    CHECK(desk.xos({"credential", "show", "/etc/passwd"}).status == 1);
    CHECK(desk.xos({"credential", "show", "/nonexistent"}).status == 1);
}

TEST_CASE("words that are not understood are exit status 2, help and version 0") {
    const MemberDesk desk;
    CHECK(desk.xos({}).status == 2);
    CHECK(desk.xos({"logn"}).status == 2);
    // which one is the question only where somebody is enrolled
    CHECK_THAT(desk.xos({"login"}).errors, ContainsSubstring("no VO knows this desk yet"));
    CHECK(desk.xos({"login", "user1@physics", "more"}).status == 2);
    CHECK(desk.xos({"whoami", "--yaml"}).status == 2);
    CHECK(desk.xos({"help"}).status == 0);
    CHECK(desk.xos({"vo", "create", "--help"}).status == 0);
    CHECK_THAT(desk.xos({"--version"}).output, ContainsSubstring("xos "));
}

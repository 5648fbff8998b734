#include "xosd/session/grid_login.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "common/policy/policy_file.h"
#include "tests/unit/vo/sample_vo.h"
#include "xosd/session/login_check.h"

using namespace xos;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

// A login by VOMS proxy in which everything agrees; each test spoils one thing.
struct GridLogin {
    TrustedVo vo;
    NodeConfig node{.policy = must(parse_policy("- {allow: [login, pty]}", "node policy"))};
    VerifiedCredential credential;
    std::string user = "user1";
    uint32_t uid = kUidMin + 1;
    std::chrono::sys_seconds now = kNow + 1h;

    GridLogin() {
        vo.bundle = SampleVo().bundle;
        vo.policy = must(parse_policy("- {allow: all}", "policy of VO physics"));
        vo.base = kUidMin;
        vo.bundle.voms = VomsTrust{.vo = "physics.example.org", .anchors = {}, .servers = {}};
        vo.bundle.members[0].identities = {{"/CN=CA", "/CN=Someone"}, {"/CN=CA", "/CN=User One"}};
        vo.bundle.members[0].groups = {"analysis", "students"};
        vo.bundle.members[0].roles = {"production", "operator"};
        vo.bundle.members[1].suspended = false;
        node.voms_accept = {"physics"};
        credential.attributes.vo = "physics";
        credential.serial = "0b";
        credential.not_before = kNow;
        credential.not_after = kNow + 12h;
        credential.grid = GridClaims{.issuer = "/CN=CA",
                                     .subject = "/CN=User One",
                                     .vo = "physics.example.org",
                                     .fqans = {"/physics.example.org", "/physics.example.org/analysis",
                                               "/physics.example.org/analysis/Role=production"},
                                     .serials = {"0b", "0a"}};
    }
    Outcome<LoginGrant> check() const { return check_login(vo, node, user, uid, credential, now); }
    std::string refusal() const {
        const auto grant = check();
        if (grant) return "";
        CHECK(grant.error().code == Errc::denied);
        return grant.error().message;
    }
    void set_policy(std::string_view rules) { vo.policy = must(parse_policy(rules, "policy of VO physics")); }
};

}  // namespace

TEST_CASE("a VOMS proxy logs its member in until it ends") {
    const GridLogin login;
    const auto grant = login.check();
    REQUIRE(grant);
    CHECK(grant->member->name == "user1");
    CHECK(grant->expires == kNow + 12h);
    CHECK(grant->pty);
    CHECK_FALSE(grant->port_forwarding);
}

TEST_CASE("who it is says the member's record, not the proxy") {
    GridLogin login;
    SECTION("an unknown subject is named") {
        login.credential.grid->subject = "/CN=User Two";
        CHECK_THAT(login.refusal(),
                   ContainsSubstring("/CN=User Two by /CN=CA is not known as user1@physics"));
    }
    SECTION("the same subject by another CA") {
        login.credential.grid->issuer = "/CN=Other CA";
        CHECK_THAT(login.refusal(), ContainsSubstring("is not known as"));
    }
    SECTION("another member's name") {
        login.user = "user2";
        login.uid = kUidMin + 2;
        CHECK_THAT(login.refusal(), ContainsSubstring("is not known as user2@physics"));
    }
    SECTION("another uid at sshd, another VO, another time") {
        login.uid = kUidMin + 2;
        CHECK_THAT(login.refusal(), ContainsSubstring("sshd holds uid"));
        login.uid = kUidMin + 1;
        login.now = kNow + 12h;
        CHECK_THAT(login.refusal(), ContainsSubstring("valid from"));
        login.credential.attributes.vo = "bio";
        CHECK_THAT(login.refusal(), ContainsSubstring("of the VO bio"));
    }
    SECTION("suspended") {
        login.vo.bundle.members[0].suspended = true;
        CHECK_THAT(login.refusal(), ContainsSubstring("suspended"));
    }
}

TEST_CASE("the owner and the VO have to take VOMS proxies") {
    GridLogin login;
    CHECK(voms_request(login.vo, login.node));
    SECTION("the owner lists no VO") {
        login.node.voms_accept.clear();
    }
    SECTION("the owner lists another one") {
        login.node.voms_accept = {"bio"};
    }
    SECTION("the VO names no VOMS") {
        login.vo.bundle.voms.reset();
    }
    CHECK_FALSE(voms_request(login.vo, login.node));
    CHECK_THAT(login.refusal(), ContainsSubstring("not accepted here"));
}

TEST_CASE("the VO's VOMS has another name now than when the proxy was verified") {
    GridLogin login;
    login.vo.bundle.voms->vo = "other";
    CHECK_THAT(login.refusal(), ContainsSubstring("not accepted here"));
}

TEST_CASE("revocation through the bundle") {
    GridLogin login;
    SECTION("the proxy's serial") {
        login.vo.bundle.revoked_serials = {"0b", "4a0001"};
        CHECK_THAT(login.refusal(), ContainsSubstring("certificate 0b of the proxy's chain is revoked"));
    }
    SECTION("the serial of the user's certificate") {
        login.vo.bundle.revoked_serials = {"0a", "4a0001"};
        CHECK_THAT(login.refusal(), ContainsSubstring("certificate 0a"));
    }
    SECTION("the identity, while the record still has it") {
        login.vo.bundle.revoked_identities = {{"/CN=CA", "/CN=User One"}};
        CHECK_THAT(login.refusal(), ContainsSubstring("has revoked /CN=User One by /CN=CA"));
    }
    SECTION("another CA's identity of the same subject does not count") {
        login.vo.bundle.revoked_identities = {{"/CN=Other CA", "/CN=User One"}};
        CHECK(login.refusal() == "");
    }
    SECTION("everything from before a time") {
        login.vo.bundle.members[0].credentials_from = kNow + 1s;
        CHECK_THAT(login.refusal(), ContainsSubstring("are revoked"));
        login.vo.bundle.members[0].credentials_from = kNow - 600s;
        CHECK(login.refusal() == "");
    }
}

TEST_CASE("policies see the groups and roles that record and proxy have in common") {
    GridLogin login;
    CHECK(narrowed(login.vo.bundle.members[0], *login.credential.grid).groups ==
          std::vector<std::string>{"analysis"});
    CHECK(narrowed(login.vo.bundle.members[0], *login.credential.grid).roles ==
          std::vector<std::string>{"production"});
    SECTION("a role of the proxy") {
        login.set_policy("- {allow: login, role: production}");
        CHECK(login.refusal() == "");
        login.credential.grid->fqans = {"/physics.example.org/analysis"};
        CHECK_THAT(login.refusal(), ContainsSubstring("that the VOMS proxy names"));
    }
    SECTION("a group or role that only the proxy names gives nothing") {
        login.credential.grid->fqans = {"/physics.example.org/admin/Role=root"};
        login.set_policy("- {allow: login, group: admin}\n- {allow: login, role: root}");
        CHECK_FALSE(login.refusal().empty());
    }
    SECTION("a group that is denied login cannot be left out of the proxy") {
        login.set_policy("- {allow: all}\n- {deny: login, group: students}");
        CHECK_THAT(login.refusal(), ContainsSubstring("denies login"));
    }
    SECTION("a subgroup is not the group that is called like its last part") {
        login.credential.grid->fqans = {"/physics.example.org/higgs/analysis"};
        login.set_policy("- {allow: login, group: analysis}");
        CHECK_FALSE(login.refusal().empty());
    }
    SECTION("membership needs no group") {
        login.credential.grid->fqans = {"/physics.example.org"};
        login.set_policy("- {allow: login, group: members}");
        CHECK(login.refusal() == "");
    }
}

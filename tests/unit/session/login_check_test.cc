#include "xosd/session/login_check.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "common/policy/policy_file.h"
#include "tests/unit/vo/sample_vo.h"

using namespace xos;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

// A login in which everything agrees; each test spoils one thing.
struct Login {
    TrustedVo vo;
    NodeConfig node{.policy = must(parse_policy("- {allow: [login, pty]}", "node policy"))};
    std::string user = "user1";
    uint32_t uid = kUidMin + 1;
    VerifiedCredential credential;
    std::chrono::sys_seconds now = kNow + 1h;

    Login() {
        vo.bundle = SampleVo().bundle;
        vo.policy = must(parse_policy("- {allow: all}", "policy of VO physics"));
        vo.base = kUidMin;
        credential.attributes = {"physics", vo.bundle.members[0].id, "user1", 1, {"analysis"}, {}};
        credential.serial = "4a0002";
        credential.not_before = kNow;
        credential.not_after = kNow + 12h;
        credential.public_key.bytes = Bytes(32, 0x41);
    }
    std::string refusal() const {
        const auto grant = check_login(vo, node, user, uid, credential, now);
        if (grant) return "";
        CHECK(grant.error().code == Errc::denied);
        return grant.error().message;
    }
};

}  // namespace

TEST_CASE("a login in which everything agrees") {
    const Login login;
    const auto grant = check_login(login.vo, login.node, "user1", kUidMin + 1, login.credential, login.now);
    REQUIRE(grant);
    CHECK(grant->member->name == "user1");
    CHECK(grant->uid == kUidMin + 1);
    CHECK(grant->expires == kNow + 12h);
    CHECK(grant->pty);
    CHECK_FALSE(grant->agent_forwarding);  // the node does not allow what the VO does
    CHECK_FALSE(grant->port_forwarding);
}

TEST_CASE("a credential that is not this login's is refused") {
    Login login;
    SECTION("another VO's") {
        login.credential.attributes.vo = "bio";
    }
    SECTION("another user's") {
        login.credential.attributes.login = "user2";
    }
    SECTION("another person's") {
        login.credential.attributes.user_id = login.vo.bundle.members[1].id;
    }
    SECTION("another number's") {
        login.credential.attributes.number = 3;
    }
    SECTION("another uid at sshd") {
        login.uid = 1000;
    }
    SECTION("not valid yet") {
        login.credential.not_before = login.now + 1s;
    }
    SECTION("not valid any more") {
        login.credential.not_after = login.now;
    }
    SECTION("revoked") {
        login.credential.serial = "4a0001";
    }
    SECTION("a name that is nobody's") {
        login.user = "user3";
    }
    CHECK_FALSE(login.refusal().empty());
}

TEST_CASE("the VO's word counts over the credential's") {
    Login login;
    SECTION("suspended") {
        login.vo.bundle.members[0].suspended = true;
        CHECK_THAT(login.refusal(), ContainsSubstring("is suspended"));
    }
    SECTION("the VO has ended") {
        login.vo.bundle.vo.not_after = login.now;
        CHECK_THAT(login.refusal(), ContainsSubstring("ended at"));
    }
    SECTION("the VO is dissolved") {
        login.vo.bundle.vo.dissolved = true;
        CHECK_THAT(login.refusal(), ContainsSubstring("was dissolved"));
        login.vo.bundle.members.clear();  // as in its last bundle
        CHECK_THAT(login.refusal(), ContainsSubstring("was dissolved"));
    }
    SECTION("all credentials of before a time are revoked") {
        // issued at kNow + 5 min: credentials begin that much earlier
        login.vo.bundle.members[0].credentials_from = kNow + kCredentialBackdate;
        CHECK(login.refusal() == "");
        login.vo.bundle.members[0].credentials_from = kNow + kCredentialBackdate + 1s;
        CHECK_THAT(login.refusal(), ContainsSubstring("all credentials of user1 were revoked"));
        login.vo.bundle.members[0].credentials_from = kNow;
        CHECK(login.refusal() == "");
    }
    SECTION("a stale bundle, after the clocks' difference") {
        login.vo.bundle.not_after = login.now - kClockSkew + 1s;
        CHECK(login.refusal() == "");
        login.vo.bundle.not_after = login.now - kClockSkew;
        CHECK_THAT(login.refusal(), ContainsSubstring("is stale since"));
        login.vo.grace = 10min;  // the owner bears it
        CHECK(login.refusal().empty());
        login.vo.bundle.not_after = login.now - kClockSkew - 10min;
        CHECK_THAT(login.refusal(), ContainsSubstring("is stale since"));
    }
    SECTION("this node's clock, which is behind the bundle's issue, after the clocks' difference") {
        login.vo.bundle.issued = login.now + kClockSkew;
        CHECK(login.refusal() == "");
        login.vo.bundle.issued = login.now + kClockSkew + 1s;
        CHECK_THAT(login.refusal(), ContainsSubstring("clock is behind by 6 min at least"));
    }
    SECTION("its policy") {
        login.vo.policy =
            must(parse_policy("- {allow: all}\n- {deny: login, group: analysis}", "policy of VO physics"));
        CHECK_THAT(login.refusal(), ContainsSubstring("policy of VO physics line 2 denies login"));
    }
    SECTION("the node's policy") {
        login.node.policy = Policy("node policy");
        CHECK_THAT(login.refusal(), ContainsSubstring("node policy has no rule that allows login"));
    }
}

TEST_CASE("the node and the hour count, and limits are the smaller of both") {
    Login login;
    login.node.name = "node1.example.org";
    login.node.attributes.tags = {"gpu"};
    login.vo.policy = must(parse_compact_policy(
        R"([{"allow":["login"],"tag":["gpu"],"limits":{"sessions":"5"}}])", "policy of VO physics"));
    // kNow is a Thursday
    login.node.policy = must(
        parse_policy("- {allow: login, node: '*.example.org', when: {days: mon-fri}, limits: {sessions: 3}}",
                     "node policy"));
    const auto grant = check_login(login.vo, login.node, "user1", kUidMin + 1, login.credential, login.now);
    REQUIRE(grant);
    CHECK(grant->limits[Limit::sessions] == 3);
    CHECK(check_sessions("user1@physics", 2, grant->limits));
    CHECK_THAT(check_sessions("user1@physics", 3, grant->limits).error().message,
               ContainsSubstring("has 3 sessions on this node, and policy allows 3"));
    SECTION("another node") {
        login.node.name = "node1.example.net";
        CHECK_THAT(login.refusal(), ContainsSubstring("node policy has no rule that allows login"));
    }
    SECTION("another kind of node") {
        login.node.attributes.tags.clear();
        CHECK_THAT(login.refusal(), ContainsSubstring("policy of VO physics has no rule"));
    }
    SECTION("another day") {
        login.now += std::chrono::days(3);
        login.credential.not_after += std::chrono::days(3);
        login.vo.bundle.not_after += std::chrono::days(3);
        CHECK_THAT(login.refusal(), ContainsSubstring("node policy has no rule that allows login"));
    }
}

TEST_CASE("the line for sshd") {
    const Login login;
    LoginGrant grant;
    grant.expires = std::chrono::sys_days(std::chrono::year(2026) / 3 / 4) + 5h + 6min + 7s;
    const auto line = make_authorized_key(grant, "user1@physics", login.credential);
    REQUIRE(line);
    // the blob: "ssh-ed25519" and 32 times 'A', each with its length
    CHECK(*line ==
          "cert-authority,restrict,expiry-time=\"20260304050607Z\",principals=\"user1@physics\" "
          "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB");
    grant.pty = grant.agent_forwarding = grant.port_forwarding = true;
    CHECK(make_authorized_key(grant, "user1@physics", login.credential)
              ->starts_with("cert-authority,restrict,pty,agent-forwarding,port-forwarding,"));
    VerifiedCredential other = login.credential;
    other.public_key.type = KeyType::p256;
    CHECK(make_authorized_key(grant, "user1@physics", other).error().code == Errc::denied);
}

#include "xosd/session/session_standing.h"

#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/unit/trust/node_state.h"

using namespace xos;
using namespace xos::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Fixture {
    TrustedVo vo;
    LoginSession session;
    Fixture() {
        vo.bundle = make_live_vo().bundle;
        vo.bundle.members = {{"user1", 7, "c0ffee00-0000-4000-8000-000000000001", {}, {}, false}};
        vo.base = kUidMin;
        session.login = "user1@physics";
        session.uid = kUidMin + 7;
        session.serial = "4a01";
        session.chain = "PEM";
        session.opened = now_seconds();
    }
    Member& member() { return vo.bundle.members[0]; }
    std::string objection() { return find_objection(session, &vo, &member()).value_or(""); }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a session goes on while its member, VO and credential stand") {
    CHECK(objection() == "");
    CHECK_THAT(find_objection(session, nullptr, nullptr).value(), ContainsSubstring("no member of a VO"));
    member().name = "user2";  // the number is another name's
    CHECK_THAT(objection(), ContainsSubstring("no member of a VO"));
}

TEST_CASE_METHOD(Fixture, "it ends with its member's suspension and its VO's dissolution, su sessions too") {
    SECTION("with a credential") {}
    SECTION("without") {
        session.chain = session.serial = "";
    }
    CHECK(objection() == "");
    member().suspended = true;
    CHECK_THAT(objection(), ContainsSubstring("suspended"));
    member().suspended = false;
    vo.bundle.vo.dissolved = true;
    CHECK_THAT(objection(), ContainsSubstring("dissolved"));
}

TEST_CASE_METHOD(Fixture, "it ends with its credential's revocation") {
    SECTION("by serial number") {
        vo.bundle.revoked_serials = {"4a01"};
    }
    SECTION("by that of a certificate below it") {
        session.grid_serials = {"0b", "0c"};
        vo.bundle.revoked_serials = {"0c"};
    }
    SECTION("with all of the member's") {
        member().credentials_from = session.opened + 1s;
    }
    SECTION("by its identity") {
        session.identity = {"/CN=Grid CA", "/CN=User One"};
        member().identities = {session.identity};
        CHECK(objection() == "");
        vo.bundle.revoked_identities = {session.identity};
    }
    SECTION("when the identity is the member's no more") {
        session.identity = {"/CN=Grid CA", "/CN=User One"};
    }
    CHECK_THAT(objection(), ContainsSubstring("revoked"));
}

TEST_CASE_METHOD(Fixture, "a session without a credential is not touched by revocations") {
    session.chain = session.serial = "";
    vo.bundle.revoked_serials = {""};
    member().credentials_from = session.opened + 1s;
    CHECK(objection() == "");
}

#include <keyutils.h>

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "in_child.h"
#include "libxos/names.h"
#include "node.h"
#include "session.h"
#include "stand_in.h"

using namespace xos;

namespace {

// Whether pam_xos proves that the caller is user: without it the stack ends in pam_deny.
bool is_proved(const char* user) {
    PamHandle pam(user, "proof");
    return pam.authenticate() == PAM_SUCCESS;
}

}  // namespace

TEST_CASE("in a session with a credential its user needs no password, and nobody else is he") {
    const Grant grant = credential();
    const StandIn xosd(grants(grant));
    CHECK(in_child([]() -> std::string {
              PamHandle pam("user1@physics");
              EXPECT(pam.open() == PAM_SUCCESS);
              EXPECT(is_proved("user1@physics"));
              EXPECT(!is_proved("user2@physics"));  // asked, and denied
              EXPECT(!is_proved("root"));
              return "";
          }) == "");
    CHECK(in_child([]() -> std::string {  // from outside of the session
              EXPECT(keyctl_join_session_keyring(nullptr) > 0);
              EXPECT(!is_proved("user1@physics"));
              return "";
          }) == "");
}

TEST_CASE("a key that the user made proves nothing, and xosd is not asked about it") {
    const Grant grant = credential();
    const StandIn xosd(grants(grant));
    CHECK(in_child([&]() -> std::string {
              EXPECT(keyctl_join_session_keyring(nullptr) > 0);
              const key_serial_t key = add_key("user", kCredentialKey, grant.chain.data(), grant.chain.size(),
                                               KEY_SPEC_SESSION_KEYRING);
              EXPECT(key > 0);
              EXPECT(!is_proved("user1@physics"));  // root's, but not with the right permissions
              EXPECT(keyctl_setperm(key, 0x0b3f0000) == 0);
              EXPECT(keyctl_chown(key, kUser1, kUser1) == 0);
              EXPECT(!is_proved("user1@physics"));  // the user's
              return "";
          }) == "");
    CHECK(xosd.connections() == 0);
}

TEST_CASE("without xosd nothing is proved") {
    CHECK(in_child([]() -> std::string {
              {
                  const StandIn xosd(grants(credential()));
                  PamHandle pam("user1@physics");
                  EXPECT(pam.open() == PAM_SUCCESS);
              }
              EXPECT(!is_proved("user1@physics"));
              return "";
          }) == "");
}

TEST_CASE("xosd is told of the session's keys, and one that it does not know is none") {
    {
        const StandIn xosd(grants(credential()));
        CHECK(in_child([&]() -> std::string {
                  PamHandle pam("user1@physics");
                  EXPECT(pam.open() == PAM_SUCCESS);
                  EXPECT(xosd.noted_credential() == keys_of_session().at(0));
                  return "";
              }) == "");
    }
    Grant forgotten = credential();
    forgotten.noted = Verdict::deny;
    const StandIn xosd(grants(forgotten));
    CHECK(in_child([]() -> std::string {
              PamHandle pam("user1@physics");
              EXPECT(pam.open() == PAM_PERM_DENIED);
              EXPECT(pam.variable("XOS_VO").empty());
              EXPECT(keys_of_session().empty());
              return "";
          }) == "");
    CHECK(xosd.closed_session() == kSession);
}

TEST_CASE("the session's limits are where pam_systemd finds them") {
    Grant limited = credential();
    limited.memory = 3ull << 30;
    limited.processes = 200;
    const StandIn xosd(grants(limited));
    CHECK(in_child([]() -> std::string {
              PamHandle pam("user1@physics", "limits");
              const int opened = pam.open();
              EXPECT(opened == PAM_SUCCESS);
              EXPECT(pam.variable("PROBED_MEMORY") == "3221225472");
              EXPECT(pam.variable("PROBED_TASKS") == "200");
              return "";
          }) == "");
}

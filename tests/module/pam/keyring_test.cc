#include <keyutils.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <ctime>
#include <string>

#include "in_child.h"
#include "libxos/names.h"
#include "node.h"
#include "session.h"
#include "stand_in.h"

using namespace xos;

namespace {

constexpr char kCredentialDescribed[] = "user;0;0;0b3f0000;xos:credential";

std::string open_and(const char* user, const std::function<std::string()>& body,
                     const char* stack = "plain") {
    return in_child([=]() -> std::string {
        PamHandle pam(user, stack);
        EXPECT(pam.open() == PAM_SUCCESS);
        const std::string answer = body();
        EXPECT(pam.close() == PAM_SUCCESS);
        return answer;
    });
}

// A key that root's own keyring holds, gone again with this.
class RootsSecret {
  public:
    RootsSecret() : key_(add_key("user", "xos-test:roots-secret", "secret", 6, KEY_SPEC_USER_KEYRING)) {
        keyctl_set_timeout(key_, 60);
    }
    ~RootsSecret() {
        keyctl_unlink(key_, KEY_SPEC_USER_KEYRING);
        keyctl_revoke(key_);
    }
    RootsSecret(const RootsSecret&) = delete;
    RootsSecret& operator=(const RootsSecret&) = delete;
    key_serial_t key() const { return key_; }

  private:
    key_serial_t key_;
};

}  // namespace

TEST_CASE("the session holds the credential: root's key in the user's keyring") {
    const Grant grant = credential();
    const StandIn xosd(grants(grant));
    CHECK(open_and("user1@physics", [&]() -> std::string {
              const auto keys = keys_of_session();
              EXPECT(keys.size() == 1);
              EXPECT(describe(session_keyring()) == session_keyring_of(kUser1));
              EXPECT(describe(keys[0]) == kCredentialDescribed);
              EXPECT(read_key(keys[0]) == grant.chain);
              return as_user(kUser1, [&]() -> std::string {
                  EXPECT(keys_of_session() == keys);
                  EXPECT(describe(keys[0]) == kCredentialDescribed);
                  EXPECT(read_key(keys[0]) == grant.chain);
                  EXPECT(keyctl_search(KEY_SPEC_SESSION_KEYRING, "user", kCredentialKey, 0) == keys[0]);
                  return "";
              });
          }) == "");
}

TEST_CASE("the user cannot change, prolong, take away or open up the credential") {
    const Grant grant = credential();
    const StandIn xosd(grants(grant));
    CHECK(open_and("user1@physics", [&]() -> std::string {
              const key_serial_t key = keys_of_session().at(0);
              EXPECT_NOTHING(as_user(kUser1, [&]() -> std::string {
                  EXPECT(keyctl_update(key, "forged", 6) < 0 && errno == EACCES);
                  EXPECT(add_key("user", kCredentialKey, "forged", 6, KEY_SPEC_SESSION_KEYRING) < 0 &&
                         errno == EACCES);
                  EXPECT(keyctl_set_timeout(key, 100'000) < 0 && errno == EACCES);
                  EXPECT(keyctl_setperm(key, 0x3f3f3f3f) < 0 && errno == EACCES);
                  EXPECT(keyctl_chown(key, kUser1, static_cast<gid_t>(-1)) < 0);
                  EXPECT(keyctl_revoke(key) < 0 && errno == EACCES);
                  EXPECT(keyctl_link(key, KEY_SPEC_USER_KEYRING) < 0 && errno == EACCES);
                  const key_serial_t keyring = session_keyring();
                  EXPECT(keyctl_setperm(keyring, 0x3f3f3f3f) < 0 && errno == EACCES);
                  EXPECT(keyctl_link(keyring, KEY_SPEC_USER_KEYRING) < 0 && errno == EACCES);
                  EXPECT(keyctl_chown(keyring, kUser2, static_cast<gid_t>(-1)) < 0);
                  EXPECT(add_key("user", "of-the-user", "x", 1, keyring) >
                         0);  // the keyring is for him to use
                  return "";
              }));
              EXPECT(describe(key) == kCredentialDescribed);
              EXPECT(read_key(key) == grant.chain);
              return "";
          }) == "");
}

TEST_CASE("a key of the same name that a user made is told apart by its owner") {
    const StandIn xosd(grants({.chain = "", .expires = 0}));
    CHECK(open_and("user1@physics", []() -> std::string {
              return as_user(kUser1, []() -> std::string {
                  const key_serial_t forged =
                      add_key("user", kCredentialKey, "forged", 6, KEY_SPEC_SESSION_KEYRING);
                  EXPECT(forged > 0);
                  EXPECT(!describe(forged).starts_with("user;0;"));
                  return "";
              });
          }) == "");
}

TEST_CASE("neither another session of the user nor another user gets at a session's credential") {
    const StandIn xosd(grants(credential()));
    CHECK(open_and("user1@physics", [&]() -> std::string {
              const key_serial_t key = keys_of_session().at(0);
              const key_serial_t keyring = session_keyring();
              const auto intrude = [=]() -> std::string {
                  EXPECT(read_key(key).empty());
                  EXPECT(describe(key).empty());
                  EXPECT(keyctl_link(key, KEY_SPEC_SESSION_KEYRING) < 0 && errno == EACCES);
                  EXPECT(keyctl_link(keyring, KEY_SPEC_SESSION_KEYRING) < 0 && errno == EACCES);
                  EXPECT(keyctl_unlink(key, keyring) < 0);
                  return "";
              };
              EXPECT_NOTHING(open_and("user1@physics", [&] { return as_user(kUser1, intrude); }));
              return in_child([&]() -> std::string {
                  EXPECT(keyctl_join_session_keyring(nullptr) > 0);
                  return as_user(kUser2, intrude);
              });
          }) == "");
}

TEST_CASE("the credential ends when it expires") {
    const StandIn xosd(grants({.chain = "PEM", .expires = time(nullptr) + 2}));
    CHECK(open_and("user1@physics", []() -> std::string {
              const key_serial_t key = keys_of_session().at(0);
              EXPECT(read_key(key) == "PEM");
              sleep(3);
              return as_user(kUser1, [=]() -> std::string {
                  char payload[8];
                  EXPECT(keyctl_read(key, payload, sizeof payload) < 0);
                  EXPECT(errno == EKEYEXPIRED || errno == ENOKEY);  // the latter once it has been collected
                  return "";
              });
          }) == "");
}

TEST_CASE("a keyring of root's does not come along into the session") {
    const RootsSecret secret;
    REQUIRE(secret.key() > 0);
    // Debian's su, cron and sudo have no pam_keyinit: what root holds is then inherited and possessed
    CHECK(in_child([&]() -> std::string {
              EXPECT(keyctl_join_session_keyring(nullptr) > 0);
              EXPECT(keyctl_link(KEY_SPEC_USER_KEYRING, KEY_SPEC_SESSION_KEYRING) == 0);
              EXPECT_NOTHING(as_user(kUser1, [&]() -> std::string {
                  EXPECT(read_key(secret.key()) == "secret");
                  return "";
              }));
              const StandIn xosd(grants(credential()));
              PamHandle pam("user1@physics");
              EXPECT(pam.open() == PAM_SUCCESS);
              return as_user(kUser1, [&]() -> std::string {
                  EXPECT(read_key(secret.key()).empty());
                  EXPECT(keyctl_search(KEY_SPEC_SESSION_KEYRING, "user", "xos-test:roots-secret", 0) < 0);
                  return "";
              });
          }) == "");
}

TEST_CASE("pam_keyinit may run before, and after it nothing of root's is seen either") {
    const RootsSecret secret;
    const Grant grant = credential();
    const StandIn xosd(grants(grant));
    CHECK(open_and(
              "user1@physics",
              [&] {
                  return as_user(kUser1, [&]() -> std::string {
                      EXPECT(keys_of_session().size() == 1);
                      EXPECT(read_key(keys_of_session().at(0)) == grant.chain);
                      return "";
                  });
              },
              "keyinit-first") == "");
    // the wrong order: the credential is gone, and with it all that it allows
    CHECK(open_and(
              "user1@physics",
              [&] {
                  return as_user(kUser1, [&]() -> std::string {
                      EXPECT(keyctl_search(KEY_SPEC_SESSION_KEYRING, "user", kCredentialKey, 0) < 0);
                      EXPECT(read_key(secret.key()).empty());
                      return "";
                  });
              },
              "keyinit-last") == "");
    CHECK(xosd.closes() == 2);
}

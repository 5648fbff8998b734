#include <dirent.h>
#include <keyutils.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <csignal>
#include <ctime>
#include <string>
#include <vector>

#include "in_child.h"
#include "libxos/names.h"
#include "node.h"
#include "session.h"
#include "stand_in.h"

using namespace xos;

namespace {

size_t count_entries(const char* directory) {
    size_t count = 0;
    DIR* dir = opendir(directory);
    while (dir != nullptr && readdir(dir) != nullptr) count++;
    if (dir != nullptr) closedir(dir);
    return count;
}

// A refused session: PAM_PERM_DENIED, no variable, and a session keyring that is neither the caller's nor in
// use.
std::string refused_cleanly(const char* user) {
    return in_child([=]() -> std::string {
        const key_serial_t before = keyctl_join_session_keyring(nullptr);
        EXPECT(add_key("user", "of-the-caller", "x", 1, KEY_SPEC_SESSION_KEYRING) > 0);
        PamHandle pam(user);
        EXPECT(pam.open() == PAM_PERM_DENIED);
        EXPECT(pam.variable("XOS_VO").empty());
        EXPECT(pam.variable("XOS_USER").empty());
        EXPECT(session_keyring() != before);
        EXPECT(keys_of_session().empty());
        return "";
    });
}

}  // namespace

TEST_CASE("xosd learns what the service knows, and of the authentication the public key alone") {
    const StandIn xosd(grants(credential()));
    CHECK(in_child([]() -> std::string {
              PamHandle pam("user1@physics");
              pam_set_item(pam.get(), PAM_RHOST, "192.0.2.7");
              pam_set_item(pam.get(), PAM_TTY, "bad tty\n");
              pam.put(
                  "SSH_AUTH_INFO_0=password\npublickey ssh-ed25519 AAAA\n"
                  "publickey ssh-ed25519-cert-v01@openssh.com BBBB\n");
              EXPECT(pam.open() == PAM_SUCCESS);
              EXPECT(pam.variable("XOS_VO") == "physics");
              EXPECT(pam.variable("XOS_USER") == "user1");
              const void* user = nullptr;
              EXPECT(pam_get_item(pam.get(), PAM_USER, &user) == PAM_SUCCESS);
              EXPECT(std::string(static_cast<const char*>(user)) == "user1@physics");
              EXPECT(pam.close() == PAM_SUCCESS);
              return "";
          }) == "");
    const Bytes bytes = xosd.last_open();
    const auto request = decode_request(bytes);
    REQUIRE(request);
    const auto* open = std::get_if<OpenSession>(&*request);
    REQUIRE(open);
    CHECK(open->login == "user1@physics");
    CHECK(open->service == "plain");
    CHECK(open->remote_host == "192.0.2.7");
    CHECK(open->tty == "");
    CHECK(open->auth_info == "publickey ssh-ed25519-cert-v01@openssh.com BBBB");
    CHECK(xosd.closes() == 1);
    CHECK(xosd.closed_session() == kSession);
}

TEST_CASE("the process that opens a session is left as it was but for its session keyring") {
    const StandIn xosd(grants(credential()));
    CHECK(in_child([]() -> std::string {
              PamHandle pam("user1@physics", "errno");
              EXPECT(pam.account() == PAM_SUCCESS);  // libpam has loaded the modules by then
              const size_t fds = count_entries("/proc/self/fd");
              const size_t threads = count_entries("/proc/self/task");
              sigset_t before{};
              sigset_t after{};
              sigprocmask(SIG_SETMASK, nullptr, &before);
              EXPECT(pam.open() == PAM_SUCCESS);
              EXPECT(geteuid() == 0 && getuid() == 0);
              EXPECT(pam.close() == PAM_SUCCESS);
              sigprocmask(SIG_SETMASK, nullptr, &after);
              for (int sig = 1; sig < 65; sig++)
                  EXPECT(sigismember(&before, sig) == sigismember(&after, sig));
              EXPECT(count_entries("/proc/self/fd") == fds);
              EXPECT(count_entries("/proc/self/task") == threads);
              return "";
          }) == "");
}

TEST_CASE("a login without a credential gets an empty keyring of its own") {
    const StandIn xosd(grants({.chain = "", .expires = 0}));
    CHECK(in_child([]() -> std::string {
              PamHandle pam("user1@physics");
              EXPECT(pam.open() == PAM_SUCCESS);
              EXPECT_NOTHING(as_user(kUser1, []() -> std::string {
                  EXPECT(keys_of_session().empty());
                  EXPECT(describe(session_keyring()) == session_keyring_of(kUser1));
                  return "";
              }));
              return "";
          }) == "");
}

TEST_CASE("a refusal by xosd, in time or not, leaves nothing") {
    CHECK(refused_cleanly("user1@physics") == "");  // nobody listens
    for (const Verdict verdict : {Verdict::deny, Verdict::expired, Verdict::unavailable}) {
        const StandIn xosd([=](const Request&) { return encode(SessionReply{{verdict, "no"}}); });
        CHECK(refused_cleanly("user1@physics") == "");
        CHECK(xosd.connections() == 1);
    }
    const StandIn garbage([](const Request&) { return Bytes(100, std::byte{'x'}); });
    CHECK(refused_cleanly("user1@physics") == "");
}

TEST_CASE("a session that is granted but cannot be made is given back") {
    for (const Grant& grant : {Grant{.chain = "PEM", .expires = time(nullptr) - 1},
                               Grant{.chain = "", .expires = time(nullptr) - 1}}) {
        const StandIn xosd(grants(grant));
        CHECK(refused_cleanly("user1@physics") == "");
        CHECK(xosd.closes() == 1);
        CHECK(xosd.closed_session() == kSession);
    }
}

TEST_CASE("a session granted to another name is none") {
    Grant grant = credential();
    grant.user = "user2";
    const StandIn xosd(grants(grant));
    CHECK(refused_cleanly("user1@physics") == "");
}

TEST_CASE("the end of a session revokes its keys for every process that holds them") {
    const StandIn xosd(grants(credential()));
    CHECK(in_child([]() -> std::string {
              PamHandle pam("user1@physics");
              EXPECT(pam.open() == PAM_SUCCESS);
              const key_serial_t keyring = session_keyring();
              const key_serial_t key = keys_of_session().at(0);
              int closed[2];
              EXPECT(pipe(closed) == 0);
              const pid_t background = fork();
              if (background == 0) {
                  char byte = 0;
                  close(closed[1]);
                  (void)!read(closed[0], &byte, 1);
                  char payload[8];
                  const bool revoked = keyctl_read(key, payload, sizeof payload) < 0 &&
                                       add_key("user", "late", "x", 1, KEY_SPEC_SESSION_KEYRING) < 0 &&
                                       errno == EKEYREVOKED;
                  _exit(revoked ? 0 : 1);
              }
              EXPECT(pam.close() == PAM_SUCCESS);
              close(closed[1]);
              EXPECT(wait_for_exit(background) == 0);
              EXPECT(session_keyring() != keyring && keys_of_session().empty());
              return "";
          }) == "");
    CHECK(xosd.closes() == 1);
}

TEST_CASE("a session keyring that is not ours is not revoked") {
    const StandIn xosd(grants(credential()));
    CHECK(in_child([]() -> std::string {
              PamHandle pam("user1@physics");
              EXPECT(pam.open() == PAM_SUCCESS);
              const key_serial_t other = keyctl_join_session_keyring(nullptr);
              EXPECT(add_key("user", "of-another-session", "x", 1, other) > 0);
              EXPECT(pam.close() == PAM_SUCCESS);
              EXPECT(session_keyring() == other && keys_of_session().size() == 1);
              return "";
          }) == "");
    CHECK(xosd.closes() == 1);
}

TEST_CASE("a handle that is ended without a close, as in a forked child, revokes nothing") {
    const StandIn xosd(grants(credential()));
    CHECK(in_child([]() -> std::string {
              PamHandle pam("user1@physics");
              EXPECT(pam.open() == PAM_SUCCESS);
              EXPECT_NOTHING(in_child([&]() -> std::string {
                  pam.~PamHandle();
                  return "";
              }));
              EXPECT(keys_of_session().size() == 1);
              return "";
          }) == "");
    CHECK(xosd.closes() == 0);
}

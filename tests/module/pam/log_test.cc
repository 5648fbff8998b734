#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <ctime>
#include <string>

#include "in_child.h"
#include "node.h"
#include "session.h"
#include "stand_in.h"

using namespace xos;

namespace {

// A log daemon of this process alone: /dev/log on a private tmpfs.
class LogSocket {
  public:
    LogSocket() {
        sockaddr_un address{AF_UNIX, "/dev/log"};
        if (unshare(CLONE_NEWNS) != 0 || mount("tmpfs", "/dev", "tmpfs", 0, nullptr) != 0) return;
        fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd_ = -1;
    }
    ~LogSocket() { ::close(fd_); }
    LogSocket(const LogSocket&) = delete;
    LogSocket& operator=(const LogSocket&) = delete;

    bool is_made() const { return fd_ >= 0; }
    // Everything logged since the last call, a line each.
    std::string take() const {
        std::string lines;
        char line[4096];
        for (ssize_t size; (size = recv(fd_, line, sizeof line, MSG_DONTWAIT)) > 0;)
            lines += std::string(line, static_cast<size_t>(size)) + "\n";
        return lines;
    }

  private:
    int fd_ = -1;
};

bool contains(const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a refusal is logged with its fields and its reason") {
    const StandIn xosd([](const Request& request) {
        if (std::get_if<AccountQuery>(&request))
            return encode(AccountReply{{Verdict::deny, "policy rule 3"}});
        return encode(SessionReply{{Verdict::expired, "credential of Monday"}});
    });
    CHECK(in_child([]() -> std::string {
              const LogSocket log;
              EXPECT(log.is_made());
              PamHandle pam("user1@physics");
              EXPECT(pam.account() == PAM_PERM_DENIED);
              EXPECT(contains(log.take(),
                              "account refused: user=user1@physics service=plain reason=\"policy rule 3\""));
              EXPECT(pam.open() == PAM_PERM_DENIED);
              EXPECT(contains(log.take(),
                              "session refused: user=user1@physics service=plain "
                              "reason=\"credential of Monday\""));
              PamHandle other("root");
              EXPECT(other.account() == PAM_SUCCESS);
              const std::string lines = log.take();
              EXPECT_NOTHING(contains(lines, "pam_xos") ? lines : "");
              return "";
          }) == "");
    CHECK(in_child([]() -> std::string {
              const LogSocket log;
              PamHandle pam("user9@physics");
              EXPECT(pam.account() == PAM_USER_UNKNOWN);
              EXPECT(contains(log.take(),
                              "user=user9@physics service=plain reason=\"no such account in the VO\""));
              return "";
          }) == "");
}

TEST_CASE("what is permitted is logged where debug asks for it, the credential never") {
    const StandIn xosd(grants({.chain = "CHAIN-OF-USER1", .expires = time(nullptr) + 60}));
    for (const char* stack : {"plain", "debug"})
        CHECK(in_child([=]() -> std::string {
                  const LogSocket log;
                  PamHandle pam("user1@physics", stack);
                  pam.put("SSH_AUTH_INFO_0=publickey ssh-ed25519 KEY-OF-USER1");
                  EXPECT(pam.account() == PAM_SUCCESS);
                  EXPECT(pam.open() == PAM_SUCCESS);
                  EXPECT(pam.close() == PAM_SUCCESS);
                  const std::string lines = log.take();
                  const bool debug = std::string(stack) == "debug";
                  EXPECT(contains(lines, "account permitted: user=user1@physics") == debug);
                  EXPECT(contains(lines, "session permitted: user=user1@physics") == debug);
                  EXPECT(!contains(lines, "OF-USER1"));
                  return "";
              }) == "");
}

TEST_CASE("a process that cannot even open the accounts file lets no name of a VO's form through") {
    CHECK(in_child([]() -> std::string {
              const LogSocket log;
              PamHandle first("user9@physics");
              EXPECT(first.account() == PAM_USER_UNKNOWN);  // the connection to the log stays open
              PamHandle pam("bob@example.com");
              pam_setcred(pam.get(), PAM_SILENT);  // libpam reads the stack and loads the modules
              log.take();
              const rlimit none{0, 0};
              EXPECT(setrlimit(RLIMIT_NOFILE, &none) == 0);
              EXPECT(pam.account() != PAM_SUCCESS);  // libpam itself complains too
              EXPECT(contains(log.take(),
                              "user=bob@example.com service=plain reason=\"read the accounts file\""));
              return "";
          }) == "");
}

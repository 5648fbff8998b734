#include <seccomp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string>

#include "in_child.h"
#include "libxos/names.h"
#include "node.h"
#include "stand_in.h"

using namespace xos;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

StandIn::Handler answers(Verdict verdict, const char* reason) {
    return [=](const Request&) { return encode(AccountReply{{verdict, reason}}); };
}

std::string account_is(const char* user, int expected) {
    return in_child([=]() -> std::string {
        PamHandle pam(user, "errno");
        const int code = pam.account();
        return code == expected ? "" : std::string(user) + ": " + pam_strerror(pam.get(), code);
    });
}

// From here on the process dies of a look at a keyring or a socket, but for that of the audit subsystem, to
// which libpam itself reports.
bool forbid_sockets_and_keys() {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    bool made = filter != nullptr;
    made = made && seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(socket), 1,
                                    SCMP_A0(SCMP_CMP_NE, AF_NETLINK)) == 0;
    for (const int call : {SCMP_SYS(connect), SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key)})
        made = made && seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, call, 0) == 0;
    made = made && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return made;
}

}  // namespace

TEST_CASE("names outside the accepted VOs go by: no socket, no key, no connection") {
    const StandIn xosd(answers(Verdict::deny, "must not be asked"));
    for (const char* user :
         {"root", "local", "nobody", "user1", "bob@example.com", "user1@bio", "User1@physics",
          "user1@physics.", "user 1@physics", "@physics", "user1@physics@physics", "%n%n@physics"})
        CHECK(in_child([=]() -> std::string {
                  PamHandle pam(user);
                  EXPECT(forbid_sockets_and_keys());
                  EXPECT(pam.authenticate() == PAM_SUCCESS);
                  EXPECT(pam.account() == PAM_SUCCESS);
                  EXPECT(pam.open() == PAM_SUCCESS);
                  EXPECT(pam.close() == PAM_SUCCESS);
                  return "";
              }) == "");
    CHECK(xosd.connections() == 0);
    CHECK(in_child([]() -> std::string {  // the filter bites
              PamHandle pam("user1@physics");
              EXPECT(forbid_sockets_and_keys());
              pam.account();
              return "asked xosd unhindered";
          }) == "killed by signal " + std::to_string(SIGSYS));
}

TEST_CASE("the account phase says what xosd says") {
    const struct {
        Verdict verdict;
        const char* reason;
        int code;
    } cases[] = {{Verdict::permit, "", PAM_SUCCESS},
                 {Verdict::deny, "the node policy denies su", PAM_PERM_DENIED},
                 {Verdict::expired, "the membership ended", PAM_ACCT_EXPIRED},
                 {Verdict::unavailable, "the bundle is stale", PAM_AUTHINFO_UNAVAIL}};
    for (const auto& c : cases) {
        const StandIn xosd(answers(c.verdict, c.reason));
        CHECK(account_is("user1@physics", c.code) == "");
        CHECK(xosd.connections() == 1);
    }
}

TEST_CASE("no xosd, no VO user, at once") {
    const auto start = Clock::now();
    CHECK(account_is("user1@physics", PAM_AUTHINFO_UNAVAIL) == "");
    CHECK(account_is("root", PAM_SUCCESS) == "");
    CHECK(Clock::now() - start < milliseconds(1000));
}

TEST_CASE("bytes that are no reply are a refusal") {
    const Bytes good = encode(AccountReply{{Verdict::permit, ""}});
    Bytes longer = good;
    longer.push_back(std::byte{0});
    const Bytes cut(good.begin(), good.end() - 1);
    const Bytes other_kind = encode(CloseReply{{Verdict::permit, ""}});
    const Bytes endless(kReplyMax + 1, std::byte{'A'});
    for (const Bytes& bytes : {longer, cut, other_kind, endless, Bytes(1, std::byte{1}), Bytes{}}) {
        const StandIn xosd([=](const Request&) { return bytes; });
        CHECK(account_is("user1@physics", PAM_AUTHINFO_UNAVAIL) == "");
        CHECK(xosd.connections() == 1);
    }
}

TEST_CASE("a socket on which somebody else listens is not xosd") {
    const StandIn impostor(answers(Verdict::permit, ""), 1000);
    CHECK(account_is("user1@physics", PAM_AUTHINFO_UNAVAIL) == "");
}

TEST_CASE("an xosd that does not answer is waited for until the deadline, signals or not") {
    const StandIn xosd([](const Request&) -> Bytes {
        sleep(600);
        return {};
    });
    const auto start = Clock::now();
    CHECK(in_child([]() -> std::string {
              struct sigaction act{};
              act.sa_handler = [](int) {};
              sigaction(SIGALRM, &act, nullptr);  // without SA_RESTART: poll(2) is interrupted
              const itimerval often{{0, 100'000}, {0, 100'000}};
              setitimer(ITIMER_REAL, &often, nullptr);
              PamHandle pam("user1@physics");
              EXPECT(pam.account() == PAM_AUTHINFO_UNAVAIL);
              return "";
          }) == "");
    const auto waited = Clock::now() - start;
    CHECK(waited >= milliseconds(4900));
    CHECK(waited < milliseconds(7000));
}

TEST_CASE("who has no account of the VO, or another one under the same name, is refused unasked") {
    const StandIn xosd(answers(Verdict::permit, ""));
    CHECK(account_is("user9@physics", PAM_USER_UNKNOWN) == "");
    CHECK(account_is("shadowed@physics", PAM_PERM_DENIED) == "");
    CHECK(xosd.connections() == 0);
}

TEST_CASE("without an accounts file nobody is ours, but who was ours is not let through") {
    const StandIn xosd(answers(Verdict::permit, ""));
    CHECK(in_child([]() -> std::string {
              PamHandle claimed("user1@physics");
              EXPECT(claimed.account() == PAM_SUCCESS);
              remove_accounts_file();
              PamHandle pam("user1@physics");
              EXPECT(pam.account() == PAM_SUCCESS);  // pam_permit's: ours is PAM_IGNORE
              EXPECT(claimed.account() == PAM_AUTHINFO_UNAVAIL);
              EXPECT(claimed.open() == PAM_PERM_DENIED);
              return "";
          }) == "");
    write_accounts_file();
    CHECK(xosd.connections() == 1);
}

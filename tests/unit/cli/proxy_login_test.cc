// A genuine VOMS proxy at the desk, with the real programs: voms-proxy-fake, xos, ssh-agent, ssh-add.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/unit/cli/desk.h"
#include "tests/unit/verifier/grid_fixture.h"
#include "xosd/verifier/credential_check.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

struct ProxyDesk : Desk {
    std::string file = home.path / "proxy.pem";

    CommandResult login() const { return xos({"login", "user1@physics", "--proxy", file}); }
};

// What a node is handed of the line in the agent.
VerifyRequest request_of(const TestGrid& grid, const ProxyDesk& desk) {
    const std::string line = desk.agent.ssh_add("-L").output;
    VerifyRequest request = make_verify_request(grid.vo, "");
    request.ssh_key = line.substr(0, line.rfind(' '));
    request.voms = grid.trust;
    return request;
}

}  // namespace

TEST_CASE("a VOMS proxy is loaded, shown, and what a node accepts") {
    const ProxyDesk desk;
    const TestGrid grid("RSA-2048");
    const std::string proxy = genuine_proxy(grid, {"-rfc"});
    write_file(desk.file, proxy);
    const auto login = desk.login();
    INFO(login.errors);
    REQUIRE(login.status == 0);
    CHECK_THAT(login.output, ContainsSubstring("Logged in as user1@physics by the VOMS proxy of "
                                               "/DC=org/DC=example/O=Users/CN=User One until"));
    CHECK_THAT(desk.agent.ssh_add("-l").output, ContainsSubstring("user1@physics (RSA-CERT)"));
    CHECK(desk.agent.ssh_add("-L").output ==
          read_file(desk.home.path / ".config/xos/physics/user1-cert.pub"));
    const auto credential = check_credential(request_of(grid, desk));
    REQUIRE(credential);
    CHECK(credential->pem == certificates_of(proxy));

    const auto shown = desk.xos({"whoami"});
    CHECK_THAT(shown.output,
               ContainsSubstring("user1@physics\n") &&
                   ContainsSubstring("/DC=org/DC=example/O=Users/CN=User One\n") &&
                   ContainsSubstring("/physics/analysis/Role=production/Capability=NULL") &&
                   (ContainsSubstring("11 h 59 min left") || ContainsSubstring("12 h 0 min left")) &&
                   ContainsSubstring("ssh agent"));
    CHECK_THAT(desk.xos({"whoami", "--json"}).output,
               ContainsSubstring("\"subject\"") && ContainsSubstring("\"valid\""));
    CHECK(desk.login().status == 0);  // again: replaces itself
    const std::string list = desk.agent.ssh_add("-l").output;
    CHECK(std::ranges::count(list, '\n') == 1);
    CHECK_THAT(desk.xos({"logout", "user1@physics"}).output, ContainsSubstring("Logged out user1@physics"));
    CHECK_THAT(desk.agent.ssh_add("-l").output, ContainsSubstring("no identities"));
}

TEST_CASE("proxies with keys of elliptic curves go the same way") {
    const TestGrid grid;
    for (const char* kind : {"P-256", "ED25519"}) {
        const ProxyDesk desk;
        const Entity proxy = grid.proxy({}, {.key = kind});
        write_file(desk.file, proxy.pem() + key_pem(proxy.key.get()) + grid.user.pem());
        const auto login = desk.login();
        INFO(login.errors);
        REQUIRE(login.status == 0);
        CHECK(check_credential(request_of(grid, desk)));
    }
}

TEST_CASE("a file that is not the caller's own proxy is refused, and nothing is loaded") {
    const ProxyDesk desk;
    const TestGrid grid;
    const Entity proxy = grid.proxy();
    const std::string key = key_pem(proxy.key.get());
    const auto refusal = [&](const std::string& text,
                             std::filesystem::perms mode = std::filesystem::perms(0600)) {
        write_file(desk.file, text);
        std::filesystem::permissions(desk.file, mode);
        const auto login = desk.login();
        CHECK(login.status != 0);
        CHECK_THAT(login.errors, !ContainsSubstring("PRIVATE"));
        return login.errors;
    };
    const std::string whole = proxy.pem() + key + grid.user.pem();
    CHECK_THAT(refusal(whole, std::filesystem::perms(0640)), ContainsSubstring("chmod 600"));
    CHECK_THAT(refusal(proxy.pem() + grid.user.pem()), ContainsSubstring("no private key"));
    CHECK_THAT(refusal(proxy.pem() + key_pem(make_key().get()) + grid.user.pem()),
               ContainsSubstring("is not the proxy's"));
    CHECK_THAT(refusal(grid.user.pem() + key_pem(grid.user.key.get())), ContainsSubstring("proxy.pem"));
    const Entity bare = make_proxy(grid.user);
    CHECK_THAT(refusal(bare.pem() + key_pem(bare.key.get()) + grid.user.pem()),
               ContainsSubstring("voms-proxy-init"));
    const Entity old = grid.proxy({}, {.wanted = {.from = -600s, .until = -60s}});
    CHECK_THAT(refusal(old.pem() + key_pem(old.key.get()) + grid.user.pem()), ContainsSubstring("ended at"));
    CHECK_THAT(refusal(""), ContainsSubstring("no private key"));
    CHECK_THAT(desk.agent.ssh_add("-l").output, ContainsSubstring("no identities"));
    CHECK(desk.xos({"login", "root", "--proxy", desk.file}).status != 0);
    CHECK(desk.xos({"login", "user1@physics", "--proxy", "/nowhere"}).status != 0);
}

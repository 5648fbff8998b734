// What xos login leaves in the agent, through stock ssh and stock sshd: ssh talks to "sshd -i", so that no
// port is taken.
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdlib>

#include "common/ssh/ssh_agent.h"
#include "common/ssh/ssh_key.h"
#include "common/ssh/ssh_wire.h"
#include "tests/unit/ssh/command.h"
#include "tests/unit/ssh/real_agent.h"
#include "tests/unit/verifier/grid_fixture.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// sshd's empty directory (sshd(8)), where the machine has not run one yet.
struct PrivilegeSeparationDirectory {
    bool made = std::filesystem::create_directory("/run/sshd");
    ~PrivilegeSeparationDirectory() {
        if (made) std::filesystem::remove("/run/sshd");
    }
};

std::string public_line(const SigningKey& key) {
    const auto bytes = key.public_bytes();
    std::string blob;
    put_string(blob, kSshKeyType);
    put_string(blob, as_text(bytes));
    return std::string(kSshKeyType) + " " + encode_base64(as_bytes(blob));
}

// A server that lets root in with a certificate by authority, as our node answers sshd, and a client with an
// agent.
struct Connection {
    TempDir dir;
    RealAgent agent;
    PrivilegeSeparationDirectory separation;
    std::string log = dir.path / "log";

    explicit Connection(const SigningKey& authority) : Connection(public_line(authority)) {}
    explicit Connection(const std::string& authority) {
        const std::string host_key = dir.path / "host_key";
        REQUIRE(run_command({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host_key}).status == 0);
        write_file(dir.path / "authorized",
                   "cert-authority,restrict,principals=\"user1@physics\" " + authority + "\n");
        write_file(dir.path / "sshd_config",
                   "HostKey " + host_key + "\nAuthorizedKeysFile " + (dir.path / "authorized").string() +
                       "\nStrictModes no\nUsePAM no\nMaxAuthTries 2\nLogLevel VERBOSE\n");
    }
    void add(const std::string& blob, const SigningKey& key) const {
        auto client = SshAgent::connect(agent.socket);
        std::string seed(32, '\0');
        size_t size = seed.size();
        EVP_PKEY_get_raw_private_key(key.pkey(), reinterpret_cast<unsigned char*>(seed.data()), &size);
        REQUIRE(client->add(blob, seed, as_text(key.public_bytes()), "user1@physics", 10min));
        write_file(dir.path / "user1-cert.pub", ssh_cert_line(blob, "user1@physics"));
    }
    CommandResult ssh() const {
        const std::string server =
            "ProxyCommand=/usr/sbin/sshd -i -f " + (dir.path / "sshd_config").string() + " -E " + log;
        return run_command(
            {"ssh", "-F", "/dev/null", "-o", server, "-o", "StrictHostKeyChecking=no", "-o",
             "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o",
             "IdentityFile=" + (dir.path / "user1-cert.pub").string(), "root@node", "echo", "inside"},
            {agent.variable(), "HOME=" + dir.path.string()});
    }
};

void need_root() {
    if (geteuid() == 0) return;
    if (std::getenv("XOS_TESTS_MUST_RUN")) FAIL("sshd -i starts as root only");
    SKIP("sshd -i starts as root only");
}

}  // namespace

TEST_CASE("stock sshd accepts the self-signed certificate of the key that its answer names") {
    need_root();
    const TestVo physics("physics");
    const SigningKey key = *SigningKey::generate();
    const Connection connection(key);
    const std::string chain = physics.issue("user1", key);
    connection.add(
        *wrap_credential(*verify_chain(as_bytes(chain), physics.certificate, "physics", test_now()), chain,
                         key),
        key);
    // more keys than the server lets anybody try
    for (const char* name : {"a", "b", "c", "d"}) {
        const std::string path = connection.dir.path / name;
        REQUIRE(run_command({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path}).status == 0);
        REQUIRE(connection.agent.ssh_add(path).status == 0);
    }
    const auto session = connection.ssh();
    INFO(session.errors << read_file(connection.log));
    CHECK(session.status == 0);
    CHECK(session.output == "inside\n");
    CHECK_THAT(read_file(connection.log), ContainsSubstring("ID user1@physics (serial "));
}

TEST_CASE("stock sshd refuses the same chain around a thief's key") {
    need_root();
    const TestVo physics("physics");
    const SigningKey key = *SigningKey::generate(), thief = *SigningKey::generate();
    const Connection connection(key);
    connection.add(wrap_any(physics.issue("user1", key), thief), thief);
    const auto session = connection.ssh();
    CHECK(session.status == 255);
    CHECK_THAT(session.errors, ContainsSubstring("Permission denied"));
}

TEST_CASE("a genuine VOMS proxy goes through stock ssh and sshd, a thief's key around it does not") {
    need_root();
    const TestGrid grid("RSA-2048");
    const std::string file = genuine_proxy(grid, {"-rfc"});
    const PkeyPtr key = key_of(file), thief = make_key("RSA-2048");
    REQUIRE(key);
    const std::string authority =
        "ssh-rsa " + encode_base64(as_bytes(ssh_key_blob(*read_public_key(key.get()))));
    for (EVP_PKEY* holder : {key.get(), thief.get()}) {
        const Connection connection(authority);
        const std::string blob = wrap_grid(certificates_of(file), holder);
        REQUIRE(SshAgent::connect(connection.agent.socket)->add_key(blob, holder, "user1@physics", 10min));
        write_file(connection.dir.path / "user1-cert.pub", ssh_cert_line(blob, "user1@physics"));
        const auto session = connection.ssh();
        INFO(session.errors << read_file(connection.log));
        CHECK(session.status == (holder == key.get() ? 0 : 255));
        CHECK(session.output == (holder == key.get() ? "inside\n" : ""));
    }
}

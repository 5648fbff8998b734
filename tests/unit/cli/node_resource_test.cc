#include "cli/node_resource.h"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>

#include "cli/known_hosts.h"
#include "common/credential/node_certificate.h"
#include "common/encoding.h"
#include "common/ssh/host_cert.h"
#include "common/ssh/ssh_wire.h"
#include "tests/unit/ssh/command.h"
#include "tests/unit/vo/sample_vo.h"

using namespace xos;
using namespace std::chrono_literals;

namespace {

std::string host_key_line(const SigningKey& key) {
    std::string blob;
    put_string(blob, "ssh-ed25519");
    put_string(blob, as_text(key.public_bytes()));
    return "ssh-ed25519 " + encode_base64(as_bytes(blob)) + " root@node1\n";
}

// A machine that asks, and the answers that its VO could give.
struct Machine {
    test::TempDir dir;
    SigningKey host_key = must(SigningKey::generate()), host_ca = must(SigningKey::generate());
    SampleVo vo;
    std::string host_file = dir.path / "host.pub", resources = dir.path / "resource";
    NodeResource resource = must(NodeResource::open("physics", resources));

    Machine() {
        test::write_file(host_file, host_key_line(host_key));
        vo.bundle.vo.host_ca = host_ca.public_bytes();
    }
    NodeAnswer answer() const {
        const NodeRequest request =
            must(open_node_request(must(resource.make_request("node1", {}, host_file))));
        NodeAnswer answer;
        answer.vo_key = vo.vo_key.public_bytes();
        answer.vo_statement = vo.statement();
        answer.node = {
            "node1", "11111111-2222-4333-8444-000000000001", key_fingerprint(request.node_key), {}, false};
        answer.certificate =
            must(issue_node_certificate(request.node_key, {"physics", answer.node.id, "node1", "", {}, 0, 0},
                                        vo.bundle.vo.ca_certificate, vo.ca_key, kNow));
        answer.host_certificate = host_certificate("node1", host_key, host_ca);
        return answer;
    }
    static std::string host_certificate(const char* name, const SigningKey& key, const SigningKey& ca) {
        HostCert cert;
        cert.public_key = as_text(key.public_bytes());
        cert.principals = {name};
        cert.valid_before = 4000000000;
        return must(sign_host_cert(cert, ca));
    }
    Outcome<std::string> install(const NodeAnswer& given, std::chrono::sys_seconds now = kNow) const {
        return resource.install(format_node_answer(given), vo.fingerprint(), host_file, true, now);
    }
    bool is_node() const { return std::filesystem::exists(resources + "/physics/node.json"); }
};

}  // namespace

TEST_CASE("an answer to this machine's request makes it a node, for root alone") {
    const Machine machine;
    CHECK(must(machine.install(machine.answer())) == "node1");
    CHECK(machine.is_node());
    CHECK(must(name_vo_of_answer(format_node_answer(machine.answer()))) == "physics");
    for (const auto& [file, mode] :
         {std::pair{"node.key", 0600u}, {"node.json", 0600u}, {"host-cert.pub", 0644u}}) {
        struct stat status;
        REQUIRE(stat((machine.resources + "/physics/" + file).c_str(), &status) == 0);
        CHECK((status.st_mode & 07777) == mode);
    }
    CHECK(find_shown_vo("chem", machine.resources) == "physics");
    CHECK(find_shown_vo("physics", machine.resources).empty());
    // again, with the same key
    CHECK(machine.install(machine.answer(), kNow + 1h));
    REQUIRE(machine.resource.hide_host_certificate());
    CHECK_FALSE(machine.resource.shows_host_certificate());
    CHECK(must(machine.resource.remove()));
    CHECK_FALSE(must(machine.resource.remove()));
    CHECK_FALSE(machine.is_node());
}

TEST_CASE("an answer that is not this VO's word to this machine installs nothing") {
    const Machine machine;
    const NodeAnswer good = machine.answer();
    NodeAnswer bad = good;
    const SigningKey other = must(SigningKey::generate());
    SECTION("of another VO key") {
        bad.vo_key = other.public_bytes();
    }
    SECTION("with a record that the pinned key did not sign") {
        SampleVo forged;
        forged.bundle.vo.host_ca = other.public_bytes();
        bad.vo_statement = forged.statement();
    }
    SECTION("a host certificate of another CA") {
        bad.host_certificate = Machine::host_certificate("node1", machine.host_key, other);
    }
    SECTION("a host certificate for another host key") {
        bad.host_certificate = Machine::host_certificate("node1", other, machine.host_ca);
    }
    SECTION("a host certificate for another name") {
        bad.host_certificate = Machine::host_certificate("node2", machine.host_key, machine.host_ca);
    }
    SECTION("a certificate for another key") {
        bad.certificate =
            must(issue_node_certificate(other.public_bytes(), {"physics", bad.node.id, "node1", "", {}, 0, 0},
                                        machine.vo.bundle.vo.ca_certificate, machine.vo.ca_key, kNow));
    }
    SECTION("a certificate of another CA") {
        const SampleVo foreign;
        bad.certificate = must(issue_node_certificate(
            as_bytes(std::string(32, 'x')).first<32>(), {"physics", bad.node.id, "node1", "", {}, 0, 0},
            foreign.bundle.vo.ca_certificate, foreign.ca_key, kNow));
    }
    SECTION("another name in the record") {
        bad.node.name = "node2";
    }
    CHECK_FALSE(machine.install(bad));
    CHECK_FALSE(machine.is_node());
    CHECK_FALSE(machine.install(good, kNow + std::chrono::days(400)));
    CHECK_FALSE(machine.resource.install("{}", machine.vo.fingerprint(), machine.host_file, true, kNow));
    CHECK_FALSE(machine.is_node());
}

TEST_CASE("a machine without an Ed25519 host key, or with an unsafe folder, is told so") {
    const Machine machine;
    CHECK_FALSE(machine.resource.make_request("node1", {}, machine.dir.path / "absent"));
    test::write_file(machine.host_file, "ssh-rsa AAAA root@node1\n");
    CHECK_FALSE(machine.resource.make_request("node1", {}, machine.host_file));
    CHECK_FALSE(NodeResource::open("../x", machine.resources));
    REQUIRE(chmod(machine.resources.c_str(), 0777) == 0);
    CHECK_FALSE(NodeResource::open("physics", machine.resources));
}

TEST_CASE("ssh knows the nodes of a VO by its host CA") {
    const test::TempDir dir;
    setenv("HOME", dir.path.c_str(), 1);
    const UserFolder folder = must(UserFolder::open("physics"));
    const Machine machine;
    REQUIRE(write_known_hosts(folder, machine.vo.bundle.vo));
    const std::string path = folder.path_of(kKnownHostsFile);
    // ssh-keygen reads the line and finds the host by it
    const auto found = test::run_command({"ssh-keygen", "-F", "node1.example.org", "-f", path});
    CHECK(found.status == 0);
    CHECK(found.output.contains("@cert-authority * ssh-ed25519"));
    VoRecord dissolved = machine.vo.bundle.vo;
    dissolved.dissolved = true;
    REQUIRE(write_known_hosts(folder, dissolved));
    CHECK_FALSE(std::filesystem::exists(path));
}

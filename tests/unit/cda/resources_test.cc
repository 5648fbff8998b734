#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "common/credential/node_certificate.h"
#include "common/ssh/host_cert.h"
#include "tests/unit/cda/test_authority.h"
#include "tests/unit/ssh/command.h"

using namespace xos;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

struct TestNode {
    SigningKey key = must(SigningKey::generate());
    NodeRequest request;

    explicit TestNode(const char* name = "node1.example.org") {
        request.vo = "physics";
        request.name = name;
        request.attributes = {"here", {"gpu", "big"}, 8, 16384};
        request.node_key = key.public_bytes();
        request.host_key = must(SigningKey::generate()).public_bytes();
    }
    std::string text() const { return must(sign_node_request(request, key)); }
};

}  // namespace

TEST_CASE("a node gets certificates that say what it is, and the bundle names it") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    const TestNode node;
    const NodeAnswer answer =
        must(read_node_answer(format_node_answer(must(authority->join_node("physics", node.text(), kNow)))));
    const VoRecord vo = authority.bundle().vo;
    CHECK(key_fingerprint(answer.vo_key) == must(authority->show_vo("physics")).fingerprint);
    CHECK(must(open_vo_record(answer.vo_statement, answer.vo_key)) == vo);
    const VerifiedNode verified =
        must(verify_node_certificate(answer.certificate, vo.ca_certificate, "physics", kNow));
    CHECK(verified.node ==
          CertifiedNode{"physics", answer.node.id, "node1.example.org", "here", {"gpu", "big"}, 8, 16384});
    CHECK(verified.public_key == node.key.public_bytes());
    CHECK(verified.not_after == vo.not_after);
    const HostCert host = must(open_host_cert(answer.host_certificate, *vo.host_ca));
    CHECK(host.public_key == as_text(node.request.host_key));
    CHECK(host.principals == std::vector<std::string>{"node1.example.org"});
    CHECK(authority.bundle().nodes == std::vector<NodeRecord>{answer.node});
    CHECK(answer.node.fingerprint == key_fingerprint(node.key.public_bytes()));

    // neither certificate is a credential, and a credential is no node's
    CHECK_FALSE(verify_chain(as_bytes(answer.certificate), vo.ca_certificate, "physics", kNow));
    must(authority->add_member("user1@physics", {}, {}));
    const auto issued = must(authority->issue(
        "user1@physics", must(make_request("user1", must(SigningKey::generate()))), 12h, kNow));
    const auto chain = must(split_pem_chain(issued.chain_pem));
    CHECK_FALSE(verify_node_certificate(certificate_pem(chain[0]), vo.ca_certificate, "physics", kNow));
    CHECK_FALSE(verify_node_certificate(answer.certificate, vo.ca_certificate, "chem", kNow));
    CHECK_FALSE(verify_node_certificate(answer.certificate, vo.ca_certificate, "physics", vo.not_after));
    must(authority->create_vo("chem", {}, kNow));
    CHECK_FALSE(verify_node_certificate(answer.certificate, authority.bundle("chem").vo.ca_certificate,
                                        "physics", kNow));
    CHECK_FALSE(open_host_cert(answer.host_certificate, *authority.bundle("chem").vo.host_ca));
}

TEST_CASE("a node that asks again keeps its record; another key under its name is refused") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    TestNode node;
    const NodeAnswer first = must(authority->join_node("physics", node.text(), kNow));
    REQUIRE(authority->set_draining("physics", node.request.name, true));
    node.request.attributes.cpus = 16;
    const NodeAnswer again = must(authority->join_node("physics", node.text(), kNow + 1h));
    CHECK(again.node.id == first.node.id);
    CHECK(again.node.draining);
    CHECK(again.node.attributes.cpus == 16);
    CHECK(authority.bundle().nodes.size() == 1);
    const TestNode thief;
    CHECK(authority->join_node("physics", thief.text(), kNow).error().code == Errc::exists);
    TestNode renamed("node2.example.org");
    renamed.request.node_key = node.request.node_key;
    CHECK(authority->join_node("physics", must(sign_node_request(renamed.request, node.key)), kNow)
              .error()
              .code == Errc::exists);
    REQUIRE(authority->leave_node("physics", node.request.name));
    CHECK_FALSE(authority->leave_node("physics", node.request.name));
    CHECK(authority.bundle().nodes.empty());
    CHECK(must(authority->join_node("physics", thief.text(), kNow)).node.id != first.node.id);
}

TEST_CASE("draining is told once, and undone") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    const TestNode node;
    must(authority->join_node("physics", node.text(), kNow));
    REQUIRE(authority->set_draining("physics", node.request.name, true));
    CHECK(authority.bundle().nodes[0].draining);
    CHECK(authority->set_draining("physics", node.request.name, true).error().code == Errc::exists);
    REQUIRE(authority->set_draining("physics", node.request.name, false));
    CHECK_FALSE(must(authority->show_node("physics", node.request.name)).draining);
    CHECK(authority->set_draining("physics", "absent", true).error().code == Errc::not_found);
    CHECK(authority->show_node("chem", "absent").error().code == Errc::not_found);
    CHECK(must(authority->list_nodes("physics")).size() == 1);
}

TEST_CASE("requests that are forged, for another VO or too late are refused") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    const TestNode node;
    const std::string text = node.text();
    for (const char* bad : {"", "{}", "[]", R"({"xos-node-request":1})"})
        CHECK_FALSE(authority->join_node("physics", bad, kNow));
    // signed by another key than it names
    std::string forged = text;
    const std::string own = encode_base64url(node.request.node_key);
    forged.replace(forged.find(own), own.size(), encode_base64url(TestNode().key.public_bytes()));
    CHECK_FALSE(authority->join_node("physics", forged, kNow));
    CHECK(authority->join_node("chem", text, kNow).error().code == Errc::denied);
    CHECK(authority->join_node("physics", text, kNow + std::chrono::days(365))
              .error()
              .message.contains("ended"));
    CHECK_FALSE(authority->join_node("physics", std::string(kNodeRequestMax + 1, ' '), kNow));
    for (const char* name : {"Node1", "node 1", "node\n1", "*", "node1,node2", "-x", ""}) {
        TestNode odd;
        odd.request.name = name;
        CHECK_FALSE(sign_node_request(odd.request, odd.key));
    }
    REQUIRE(authority->dissolve_vo("physics", nullptr));
    CHECK(authority->join_node("physics", text, kNow).error().message.contains("dissolved"));
}

TEST_CASE("OpenSSH and OpenSSL read the certificates of a node") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    const TestNode node;
    const NodeAnswer answer = must(authority->join_node("physics", node.text(), kNow));
    const test::TempDir dir;
    test::write_file(dir.path / "host-cert.pub", answer.host_certificate);
    const auto listed = test::run_command({"ssh-keygen", "-L", "-f", dir.path / "host-cert.pub"});
    REQUIRE(listed.status == 0);
    CHECK_THAT(listed.output,
               ContainsSubstring("host certificate") && ContainsSubstring("node1.example.org of physics"));
    test::write_file(dir.path / "ca.pem", certificate_pem(authority.bundle().vo.ca_certificate));
    test::write_file(dir.path / "node.pem", answer.certificate);
    const auto verified =
        test::run_command({"openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname",
                           "node1.example.org", "-attime", std::to_string(kNow.time_since_epoch().count()),
                           "-CAfile", dir.path / "ca.pem", dir.path / "node.pem"});
    CHECK(verified.output.ends_with(": OK\n"));
    INFO(verified.errors);
    CHECK(verified.status == 0);
}

TEST_CASE("a VO of before there were host certificates gets its host CA when its record changes") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    const std::string key = authority.path + "/keys/" + authority.bundle().vo.id + "/host.pem";
    REQUIRE(std::filesystem::remove(key));
    const auto before = authority.bundle().vo.host_ca;
    must(authority->renew_vo("physics", std::chrono::days(30), nullptr, kNow));
    CHECK(authority.bundle().vo.host_ca);
    CHECK(authority.bundle().vo.host_ca != before);
    CHECK(std::filesystem::exists(key));
}

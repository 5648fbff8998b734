#include "common/credential/node_certificate.h"

#include <catch2/matchers/catch_matchers_string.hpp>

#include "common/credential/node_extension.h"
#include "tests/unit/credential/crafted_certificate.h"

using namespace xos;
using Catch::Matchers::ContainsSubstring;

namespace {

const CertifiedNode kNode{
    "physics", "11111111-2222-4333-8444-000000000001", "n1.example.org", "lab", {"gpu"}, 8, 1024};

struct NodeVo {
    SampleVo vo;

    CraftedCertificate crafted() const {
        CraftedCertificate leaf;
        leaf.common_name = kNode.id;
        leaf.extended_key_usage = "serverAuth,clientAuth";
        leaf.attributes_oid = kNodeOid;
        leaf.attributes = {must(encode_node_extension(kNode))};
        leaf.subject_alt_name = "DNS:n1.example.org";
        return leaf;
    }
    // Empty where the certificate is believed.
    std::string fault(const CraftedCertificate& leaf) const {
        const Bytes& ca = vo.bundle.vo.ca_certificate;
        const auto verified =
            verify_node_certificate(certificate_pem(leaf.sign(ca, vo.ca_key.pkey())), ca, "physics", kNow);
        return verified ? "" : verified.error().message;
    }
};

}  // namespace

TEST_CASE("a node's certificate says once, in three places alike, which node it is of") {
    const NodeVo node;
    CHECK(node.fault(node.crafted()) == "");
    CraftedCertificate leaf = node.crafted();
    SECTION("no host name") {
        leaf.subject_alt_name = nullptr;
    }
    SECTION("another host name") {
        leaf.subject_alt_name = "DNS:n2.example.org";
    }
    SECTION("a pattern of host names") {
        leaf.subject_alt_name = "DNS:*.example.org";
    }
    SECTION("another id in the subject") {
        leaf.common_name = "11111111-2222-4333-8444-000000000002";
    }
    SECTION("nothing of a node") {
        leaf.attributes.clear();
    }
    SECTION("two nodes") {
        leaf.attributes.push_back(leaf.attributes.front());
    }
    CHECK_THAT(node.fault(leaf), ContainsSubstring("the certificate is not a node's"));
}

TEST_CASE("a node's certificate keeps its profile") {
    const NodeVo node;
    CraftedCertificate leaf = node.crafted();
    SECTION("constraints that software may pass over") {
        leaf.basic_constraints = "CA:FALSE";
    }
    SECTION("a usage that software may pass over") {
        leaf.key_usage = "digitalSignature";
    }
    SECTION("more usages") {
        leaf.key_usage = "critical,digitalSignature,keyAgreement";
    }
    SECTION("the usage of members") {
        leaf.extended_key_usage = "clientAuth";
    }
    SECTION("a CA") {
        leaf.basic_constraints = "critical,CA:TRUE";
    }
    CHECK_FALSE(node.fault(leaf).empty());
}

TEST_CASE("keys of nodes are strong") {
    const NodeVo node;
    const PkeyPtr weak(EVP_RSA_gen(1024));
    CraftedCertificate leaf = node.crafted();
    leaf.key = weak.get();
    CHECK_THAT(node.fault(leaf), ContainsSubstring("does not verify"));
}

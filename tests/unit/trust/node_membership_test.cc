#include "xosd/trust/node_membership.h"

#include "tests/unit/ssh/command.h"
#include "tests/unit/trust/node_state.h"

using namespace xos;

namespace {

constexpr char kId[] = "11111111-2222-4333-8444-000000000001";

NodeRecord record(const char* name, const char* id, bool draining) {
    return {name, id, "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", {}, draining};
}

}  // namespace

TEST_CASE("a node takes no jobs of a VO that drains it, and of no other VO's saying") {
    const test::TempDir dir;
    TrustedVo vo;
    vo.bundle = SampleVo().bundle;
    vo.bundle.nodes = {record("node1", kId, true),
                       record("node2", "11111111-2222-4333-8444-000000000002", false)};
    // a machine that is no node of the VO is not meant
    CHECK(check_takes_jobs(vo, dir.path));
    std::filesystem::create_directory(dir.path / "physics");
    test::write_file(dir.path / "physics" / kNodeRecordFile,
                     write_node(record("node1", kId, false)).format());
    CHECK(read_node_id("physics", dir.path) == kId);
    CHECK_FALSE(read_node_id("chem", dir.path));
    const auto refused = check_takes_jobs(vo, dir.path);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::denied);
    CHECK(refused.error().message == "this node, node1, drains: VO physics starts no new jobs on it");
    vo.bundle.nodes[0].draining = false;
    vo.bundle.nodes[1].draining = true;
    CHECK(check_takes_jobs(vo, dir.path));
    test::write_file(dir.path / "physics" / kNodeRecordFile, "rubbish");
    CHECK_FALSE(read_node_id("physics", dir.path));
}

TEST_CASE("sshd shows one host certificate, that of the first VO that has one") {
    const test::TempDir dir;
    CHECK(find_host_certificate({"bio", "physics"}, dir.path).empty());
    for (const char* vo : {"bio", "physics"}) std::filesystem::create_directory(dir.path / vo);
    test::write_file(dir.path / "physics" / kHostCertificateFile, "x");
    CHECK(find_host_certificate({"bio", "physics"}, dir.path) == dir.path / "physics" / kHostCertificateFile);
    // a VO that is not trusted any more vouches for nothing
    CHECK(find_host_certificate({"bio"}, dir.path).empty());
    std::filesystem::create_symlink("/etc/passwd", dir.path / "bio" / kHostCertificateFile);
    CHECK(find_host_certificate({"bio"}, dir.path).empty());
}

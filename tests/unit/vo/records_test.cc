#include "common/vo/records.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/vo/sample_vo.h"

using namespace xos;

namespace {

std::string fault(const Bundle& bundle) {
    const auto checked = check_bundle(bundle);
    return checked ? "" : checked.error().message;
}

std::string member_fault(std::string_view text) {
    const auto json = Json::parse(text, {}, "member");
    REQUIRE(json);
    const JsonNode root = json->root();
    const auto member = read_member(root, kBlockSize);
    return member ? "" : member.error().message;
}

}  // namespace

TEST_CASE("records read back as written") {
    const SampleVo sample;
    for (const Member& member : sample.bundle.members) {
        const Json json = write_member(member);
        const JsonNode root = json.root();
        CHECK(read_member(root, kBlockSize) == member);
    }
    const Json vo = write_vo_record(sample.bundle.vo);
    const JsonNode root = vo.root();
    CHECK(read_vo_record(root) == sample.bundle.vo);
    const Json group = write_group({"analysis", 1});
    const JsonNode group_root = group.root();
    CHECK(read_group(group_root, kBlockSize) == Group{"analysis", 1});
}

TEST_CASE("a member record keeps the limits") {
    const std::string id = R"("id":"aaaaaaaa-0000-4000-8000-000000000001")";
    CHECK(member_fault(R"({"name":"ann","number":1,)" + id + "}").empty());
    CHECK(member_fault(R"({"name":"ann","number":786431,)" + id + "}").empty());
    CHECK(member_fault(R"({"name":"ann","number":786432,)" + id + "}") ==
          "member: number: expected an integer 1..786431");
    CHECK_FALSE(member_fault(R"({"name":"ann","number":0,)" + id + "}").empty());
    CHECK_FALSE(member_fault(R"({"name":"Ann","number":1,)" + id + "}").empty());
    CHECK_FALSE(member_fault(R"({"name":"../x","number":1,)" + id + "}").empty());
    CHECK_FALSE(member_fault(R"({"name":"ann","number":1,"id":"x"})").empty());
    CHECK_FALSE(member_fault(R"({"name":"ann","number":1,"groups":["members"],)" + id + "}").empty());
    CHECK_FALSE(member_fault(R"({"name":"ann","number":1,"groups":["a","a"],)" + id + "}").empty());
    CHECK_FALSE(member_fault(R"({"name":"ann","number":1,"groups":"a",)" + id + "}").empty());
    CHECK_FALSE(member_fault(R"({"name":"ann","number":1,"suspended":1,)" + id + "}").empty());
    CHECK_FALSE(member_fault(R"({"name":"ann","number":1,"uid":0,)" + id + "}").empty());
}

TEST_CASE("a VO record proposes a block inside the range") {
    VoRecord vo = SampleVo().bundle.vo;
    CHECK(check_vo_record(vo));
    vo.uid_base = kUidMin + 1;
    CHECK_FALSE(check_vo_record(vo));
    vo.uid_base = 0;
    CHECK_FALSE(check_vo_record(vo));
    vo.uid_base = 0x7FF00000;  // the block would pass kUidMax
    CHECK_FALSE(check_vo_record(vo));
    vo.uid_base = 0x7FE00000;
    CHECK(check_vo_record(vo));
    vo.block_size = 3u << 20;
    CHECK_FALSE(check_vo_record(vo));
    vo.block_size = kBlockSizeMax * 2;
    CHECK_FALSE(check_vo_record(vo));
    vo = SampleVo().bundle.vo;
    vo.bundle_lifetime = std::chrono::seconds(59);
    CHECK_FALSE(check_vo_record(vo));
    vo = SampleVo().bundle.vo;
    vo.name = "a\nb";
    CHECK(check_vo_record(vo).error().message.starts_with("VO (bad name): name: expected"));
}

TEST_CASE("the records of a bundle agree") {
    const Bundle good = SampleVo().bundle;
    CHECK(fault(good).empty());
    Bundle bundle = good;
    bundle.members[1].name = "user1";
    CHECK(fault(bundle) == "member user1: there twice");
    bundle = good;
    bundle.members[1].number = 1;
    CHECK(fault(bundle) == "member user2: number 1 is another's too");
    bundle = good;
    bundle.members[0].groups = {"absent"};
    CHECK(fault(bundle) == "member user1: the group absent does not exist");
    bundle = good;
    bundle.groups.push_back({"other", 1});
    CHECK(fault(bundle) == "group other: number 1 is another's too");
    bundle = good;
    bundle.groups.erase(bundle.groups.begin());
    CHECK(fault(bundle) == "VO physics: the group \"members\" is missing");
    bundle = good;
    bundle.groups[1] = {"members", 1};
    CHECK_FALSE(fault(bundle).empty());
    bundle = good;
    bundle.groups[1].number = kBlockSize / 4;
    CHECK_FALSE(fault(bundle).empty());
    for (const char* serial : {"", "4", "4A", "zz", "0123456789012345678901234567890123456789ff"}) {
        bundle = good;
        bundle.revoked_serials = {serial};
        CHECK_FALSE(fault(bundle).empty());
    }
}

TEST_CASE("what a VO says of grids, nodes and its authority reads back") {
    SampleVo sample;
    Bundle& bundle = sample.bundle;
    bundle.vo.authority = "https://authority.example.org:7443";
    bundle.vo.authority_pin = sample.fingerprint();
    bundle.vo.mirrors = {"http://mirror.example.org/physics.bundle"};
    bundle.vo.host_ca = sample.vo_key.public_bytes();
    bundle.members[0].identities = {{"/DC=org/CN=A CA", "/DC=org/CN=User One"}};
    bundle.members[0].credentials_from = kNow;
    bundle.revoked_identities = {{"/DC=org/CN=A CA", "/DC=org/CN=host/old.example.org"}};
    bundle.voms = VomsTrust{"physics.example.org", {{1, 2}}, {{3}}};
    bundle.crls = {{4, 5}};
    bundle.nodes = {{"n1.example.org", bundle.vo.id, sample.fingerprint(), {"lab", {"gpu"}, 8, 16384}, true}};
    CHECK(fault(bundle).empty());
    const auto opened = sample.open(sample.seal());
    REQUIRE(opened);
    CHECK(*opened == bundle);

    bundle.members[1].identities = bundle.members[0].identities;
    CHECK(fault(bundle) == "member user2: /DC=org/CN=User One is an identity of user1 too");
    bundle.members[1].identities[0].issuer = "/DC=org/CN=Another CA";
    CHECK(fault(bundle).empty());
    bundle.nodes.push_back(bundle.nodes[0]);
    CHECK(fault(bundle) == "node n1.example.org: there twice");
    bundle.vo.authority_pin.clear();
    CHECK_FALSE(check_vo_record(bundle.vo));
}

TEST_CASE("nobody signs a bundle that no node would read") {
    const Bundle good = SampleVo().bundle;
    Bundle bundle = good;
    bundle.members[0].identities = {{"/CN=A CA", "User One"}};
    CHECK(fault(bundle).starts_with("member user1: identities: expected"));
    bundle = good;
    bundle.members[0].credentials_from = std::chrono::sys_seconds(std::chrono::seconds(253402300800));
    CHECK(fault(bundle).starts_with("member user1: credentials_from: expected"));
    bundle = good;
    bundle.nodes = {{"N1", bundle.vo.id, SampleVo().fingerprint(), {}, false}};
    CHECK(fault(bundle) == "node (bad name): name: expected a host name in lower case");
    bundle = good;
    bundle.revoked_identities = {{"/CN=A CA", "x"}};
    CHECK(fault(bundle).contains("revoked identity"));
    bundle = good;
    bundle.revoked_serials.assign((1 << 20) + 1, "4a0001");
    CHECK(fault(bundle).contains("a bundle holds at most 1048576"));
    bundle = good;
    bundle.crls.assign(kCrlsMax + 1, Bytes{1});
    CHECK(fault(bundle).contains("a bundle holds at most 16"));
}

TEST_CASE("names and URLs of grids keep their grammar") {
    CHECK(is_distinguished_name("/C=CH/O=Grid/CN=host/n1.example.org"));
    for (const char* bad : {"", "/", "CN=x", "/CN", "/=x", "/a b=x", "/CN=\n", "//CN=x"})
        CHECK_FALSE(is_distinguished_name(bad));
    CHECK(is_host_name("n1.example.org"));
    for (const char* bad : {"", ".", "N1", "-a", "a-", "a..b", "a.", "a_b"}) CHECK_FALSE(is_host_name(bad));
    CHECK(is_https_url("https://a:7443/x?y=1"));
    CHECK_FALSE(is_https_url("http://a"));
    for (const char* bad :
         {"", "https://", "https:///x", "ftp://a", "https://a b", "https://u@h", "http://a#b"})
        CHECK_FALSE(is_web_url(bad));
    CHECK(is_label("a.b-c_1"));
    CHECK_FALSE(is_label("-a"));
}

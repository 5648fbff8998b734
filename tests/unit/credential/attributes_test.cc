#include <catch2/catch_test_macros.hpp>

#include "common/credential/xos_cert.h"
#include "tests/unit/vo/sample_vo.h"

using namespace xos;

namespace {

const XosAttributes kUser1{"physics",   "aaaaaaaa-0000-4000-8000-000000000001", "user1", 1, {"analysis"},
                           {"operator"}};

}  // namespace

TEST_CASE("attributes read back as written") {
    CHECK(decode_attributes(must(encode_attributes(kUser1))) == kUser1);
    XosAttributes plain = kUser1;
    plain.groups.clear();
    plain.roles.clear();
    CHECK(decode_attributes(must(encode_attributes(plain))) == plain);
}

TEST_CASE("attributes keep the grammar in both directions") {
    std::vector<XosAttributes> bad(9, kUser1);
    bad[0].vo = "Physics";
    bad[1].user_id = "1";
    bad[2].login = std::string("user1\0x", 7);
    bad[3].number = 0;
    bad[4].number = first_group_offset(kBlockSizeMax);
    bad[5].groups = {"a", "a"};
    bad[6].roles = {"a b"};
    bad[7].groups.assign(kGroupsPerMemberMax + 1, "g");
    bad[8].login = "root@x";
    for (const XosAttributes& attributes : bad) CHECK_FALSE(encode_attributes(attributes));

    // the same rules for foreign DER: a byte of each field made wrong
    const Bytes good = must(encode_attributes(kUser1));
    for (const std::string_view field : {"physics", "user1", "analysis", "operator", "aaaaaaaa"}) {
        Bytes der = good;
        const auto at = std::ranges::search(der, field).begin();
        REQUIRE(at != der.end());
        for (const uint8_t odd :
             {uint8_t(0), uint8_t(' '), uint8_t('A'), uint8_t(0xff), uint8_t('@'), uint8_t('/')}) {
            *at = odd;
            CHECK_FALSE(decode_attributes(der));
        }
    }
}

TEST_CASE("only the whole value in DER is read") {
    const Bytes good = must(encode_attributes(kUser1));
    for (size_t size = 0; size < good.size(); ++size)
        CHECK_FALSE(decode_attributes(std::span(good).first(size)));
    Bytes longer = good;
    longer.push_back(0);
    CHECK(decode_attributes(longer).error().message.contains("bytes follow"));
    // the length in two bytes where one is enough: BER
    REQUIRE(good[1] < 0x80);
    Bytes ber = good;
    ber.insert(ber.begin() + 1, 0x81);
    CHECK(decode_attributes(ber).error().message.contains("not in DER"));
    Bytes version = good;
    version[4] = 2;
    CHECK_FALSE(decode_attributes(version));
    CHECK_FALSE(decode_attributes(Bytes(kAttributesMax + 1, 0x30)));
}

TEST_CASE("all that a member record may hold fits") {
    XosAttributes many = kUser1;
    many.groups.clear();
    for (size_t i = 0; i < kGroupsPerMemberMax; ++i) many.groups.push_back(std::format("g{:0>30}", i));
    many.roles.clear();
    for (size_t i = 0; i < kRolesPerMemberMax; ++i) many.roles.push_back(std::format("r{:0>30}", i));
    CHECK(must(encode_attributes(many)).size() <= kAttributesMax);
}

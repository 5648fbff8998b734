#include "common/ssh/ssh_wire.h"

#include <catch2/catch_test_macros.hpp>

using namespace xos;

TEST_CASE("what is written is read back") {
    std::string bytes;
    put_u8(bytes, 200);
    put_u32(bytes, 0xfedcba98);
    put_u64(bytes, 0x0123456789abcdef);
    put_string(bytes, std::string_view("a\0b", 3));
    SshReader reader(bytes);
    CHECK(reader.u8() == 200);
    CHECK(reader.u32() == 0xfedcba98);
    CHECK(reader.u64() == 0x0123456789abcdef);
    CHECK(reader.string(3) == std::string_view("a\0b", 3));
    CHECK(reader.complete());
}

TEST_CASE("the examples of RFC 4251, section 5") {
    std::string bytes;
    put_u32(bytes, 699921578);
    put_string(bytes, "testing");
    CHECK(bytes == std::string_view("\x29\xb7\xf4\xaa\x00\x00\x00\x07testing", 15));
}

TEST_CASE("a reader fails for good at the first lie") {
    SECTION("a length beyond the end") {
        SshReader reader(
            std::string_view("\xff\xff\xff\xff"
                             "abcd",
                             8));
        CHECK(reader.string(SIZE_MAX).empty());
        CHECK(reader.failed());
        CHECK(reader.u8() == 0);
        CHECK_FALSE(reader.complete());
    }
    SECTION("a string over its cap") {
        SshReader reader(std::string_view("\0\0\0\2ab", 6));
        CHECK(reader.string(1).empty());
        CHECK(reader.failed());
    }
    SECTION("an integer cut off") {
        SshReader reader("abc");
        CHECK(reader.u32() == 0);
        CHECK(reader.failed());
    }
    SECTION("bytes left over are not complete") {
        SshReader reader("ab");
        reader.u8();
        CHECK_FALSE(reader.failed());
        CHECK_FALSE(reader.complete());
        CHECK(reader.more());
    }
}

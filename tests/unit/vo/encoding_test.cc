#include "common/encoding.h"

#include <catch2/catch_test_macros.hpp>

#include "common/uuid.h"

using namespace xos;

TEST_CASE("base64 as in RFC 4648, section 10") {
    const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                           {"f", "Zg=="},
                                                           {"fo", "Zm8="},
                                                           {"foo", "Zm9v"},
                                                           {"foob", "Zm9vYg=="},
                                                           {"fooba", "Zm9vYmE="},
                                                           {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, text] : vectors) {
        CHECK(encode_base64(as_bytes(plain)) == text);
        const auto decoded = decode_base64(text);
        REQUIRE(decoded);
        CHECK(as_text(*decoded) == plain);
    }
    CHECK(encode_base64url(Bytes{0xfb, 0xff}) == "-_8");
    CHECK(decode_base64url("-_8") == Bytes{0xfb, 0xff});
}

TEST_CASE("one value has one text") {
    for (const char* text :
         {"Zg", "Zg=", "Zg===", "=", "====", "Zh==", "Zm9=", "Zg==\n", " Zg==", "Z-==", "Zm9v="})
        CHECK_FALSE(decode_base64(text));
    for (const char* text : {"-_9", "-_8=", "-", "+/8", "-_8\n", "-_ 8"}) CHECK_FALSE(decode_base64url(text));
    CHECK(encode_hex(Bytes{0, 0x9a, 0xff}) == "009aff");
}

TEST_CASE("UUIDs have one form") {
    CHECK(is_uuid("0b9f1c2d-1111-4222-8333-123456789abc"));
    CHECK_FALSE(is_uuid("0B9f1c2d-1111-4222-8333-123456789abc"));
    CHECK_FALSE(is_uuid("0b9f1c2d11114222833312345678 9abc"));
    CHECK_FALSE(is_uuid("0b9f1c2d-1111-4222-8333-123456789abc "));
    CHECK(is_uuid(make_uuid()));
    CHECK(make_uuid() != make_uuid());
}

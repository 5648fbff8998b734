#include "common/json.h"

#include <catch2/catch_test_macros.hpp>

using namespace xos;

namespace {

std::string refusal(std::string_view text, JsonLimits limits = {}) {
    const auto json = Json::parse(text, limits, "test");
    REQUIRE_FALSE(json);
    return json.error().message;
}

std::string nested(size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
}

}  // namespace

TEST_CASE("the text is capped in size and depth") {
    CHECK(refusal("[1,2,3]", {.bytes = 6}) == "test: 7 bytes are more than the 6 allowed");
    CHECK(Json::parse("[1,2,3]", {.bytes = 7}, "test"));
    CHECK(Json::parse(nested(16), {}, "test"));
    CHECK(refusal(nested(17)) == "test: more than 16 objects and arrays inside each other");
    CHECK(refusal(std::string(60000, '[')).contains("more than 16"));
    // brackets inside strings, behind escapes too, are text
    CHECK(Json::parse(R"(["[[[[[[\"[[[[[[[[[[[[[[[["])", {.depth = 1}, "test"));
}

TEST_CASE("what is not plain JSON is refused") {
    using namespace std::literals;
    for (const std::string_view text :
         {""sv,    " "sv,           "{"sv,           "[1,]"sv,  "{\"a\":1,}"sv, "{} {}"sv, "[1] x"sv,
          "nul"sv, "\"\\u0000\""sv, "\"a\0b\""sv,    "[1]\0"sv, "\"\xff\""sv,   "'a'"sv,   "01"sv,
          "+1"sv,  "/*x*/1"sv,      "\"\\ud800\""sv, "NaN"sv,   "\"\\"sv,       "\\"sv})
        CHECK_FALSE(Json::parse(text, {}, "test"));
    CHECK(refusal("[1,\n x]") == "test: not JSON at line 2, column 2");
}

TEST_CASE("numbers are whole and fit") {
    for (const char* text :
         {"1.0", "0.0", "[1e3]", "{\"a\":-1.5}", "1e400", "18446744073709551616", "-9223372036854775809"})
        CHECK(refusal(text) == "test: only whole numbers are accepted, within 64 bits");
    for (const char* text : {"0", "-9223372036854775808", "18446744073709551615"})
        CHECK(Json::parse(text, {}, "test")->format() == text);
}

TEST_CASE("a key twice in one object is refused at any depth") {
    CHECK(refusal(R"({"a":1,"b":2,"a":3})").contains("the key \"a\" is there twice"));
    CHECK(refusal(R"([{"x":[{"k":1,"k":1}]}])").contains("\"k\""));
    CHECK(refusal(R"({"a":1,"\u0061":2})").contains("\"a\""));
    CHECK(Json::parse(R"({"a":{"a":1},"b":{"a":1}})", {}, "test"));
}

TEST_CASE("getters are strict and name the place") {
    const auto json = Json::parse(
        R"({"members":[{"number":0,"name":"ann"}],"f":null,"n":-1,"t":"x","big":9223372036854775808,"max":18446744073709551615})",
        {}, "bundle");
    REQUIRE(json);
    const JsonNode root = json->root();
    const auto members = root.field("members");
    REQUIRE(members);
    REQUIRE(members->array(10) == 1u);
    const JsonNode member = members->at(0);
    CHECK(member.integer("number", 1, 786431).error().message ==
          "bundle: members[0].number: expected an integer 1..786431");
    CHECK(member.string("name", 3) == "ann");
    CHECK(member.string("name", 2).error().message ==
          "bundle: members[0].name: expected a string of at most 2 bytes");
    CHECK(member.boolean("absent").error().message == "bundle: members[0]: the key \"absent\" is missing");
    CHECK_FALSE(root.integer("f", 0, 5));
    CHECK_FALSE(root.integer("n", 0, UINT64_MAX));
    CHECK_FALSE(root.integer("t", 0, 5));
    CHECK(root.integer("big", 0, UINT64_MAX) == 1ull << 63);
    CHECK(root.integer("max", 0, UINT64_MAX) == UINT64_MAX);
    CHECK_FALSE(root.boolean("t"));
    CHECK_FALSE(root.string("n", 5));
    CHECK(members->array(0).error().message == "bundle: members: expected at most 0 elements, there are 1");
    CHECK(root.object({"members", "f", "n", "t", "big"}).error().message ==
          "bundle: the key \"max\" is not known here");
    CHECK_FALSE(members->object({}));
    const auto number = member.field(std::string("number").c_str());  // the key need not live on
    REQUIRE(number);
    CHECK(number->path() == "bundle: members[0].number");
    CHECK_FALSE(root.array(10));
}

TEST_CASE("a hostile key cannot forge lines of a message") {
    const auto json = Json::parse(R"({"a\nFAKE \u001b[31m":1})", {}, "test");
    REQUIRE(json);
    CHECK(json->root().object({}).error().message == "test: the key \"a?FAKE ?[31m\" is not known here");
}

TEST_CASE("what is built reads back") {
    const Json json =
        JsonObject()
            .set("name", Json::string("a\"b\\\n"))
            .set("list", JsonArray().add(Json::integer(UINT64_MAX)).add(Json::boolean(false)).build())
            .set("empty", Json::strings({}))
            .set("minus", Json::signed_integer(-3))
            .build();
    CHECK(json.format() ==
          R"({"name":"a\"b\\\n","list":[18446744073709551615,false],"empty":[],"minus":-3})");
    const auto again = Json::parse(json.format(), {}, "test");
    REQUIRE(again);
    CHECK(again->format() == json.format());
    CHECK(Json::string(std::string_view("\xffok\0", 4)).format() == R"("?ok?")");
    CHECK(Json::string("d\x7f \xc3\xa9").format() == "\"d? \xc3\xa9\"");
}

#include "common/json_slices.h"

#include <catch2/catch_test_macros.hpp>

#include "common/json.h"

using namespace xos;

namespace {

std::vector<std::string> elements_of(std::string_view array) {
    const JsonField field{"list", array};
    auto slices = ArraySlices::open(field, "test");
    if (!slices) return {"refused"};
    std::vector<std::string> all;
    for (;;) {
        const auto next = slices->next();
        if (!next) return {"refused"};
        if (next->empty()) return all;
        all.emplace_back(*next);
    }
}

}  // namespace

TEST_CASE("an object is cut into its fields") {
    const auto fields =
        slice_object(" { \"a\" : [1,{\"x\":\"]}\\\"\"}] ,\"b\":\"y, z\",\"c\":7 } \n", "test");
    REQUIRE(fields);
    REQUIRE(fields->size() == 3);
    CHECK(fields->at(0).value == R"([1,{"x":"]}\""}])");
    CHECK(slice_string(fields->at(1), "test") == "y, z");
    CHECK_FALSE(slice_string(fields->at(2), "test"));
    CHECK(find_field(*fields, "c")->value == "7");
    CHECK(find_field(*fields, "d") == nullptr);
    CHECK(join_fields(*fields, "a") == R"({"b":"y, z","c":7})");
    CHECK(join_fields(*slice_object("{}", "test"), "") == "{}");
}

TEST_CASE("an array is cut into its elements") {
    CHECK(elements_of("[]").empty());
    CHECK(elements_of(" [ ] ") ==
          std::vector<std::string>{"refused"});  // a field's value has no space around it
    CHECK(elements_of(R"([ {"a":1} , [2,3],"x" ])") ==
          std::vector<std::string>{R"({"a":1})", "[2,3]", "\"x\""});
    for (const char* bad :
         {"[1,]", "[,1]", "[1 2]", "[1", "1]", "[1}", "[[1]", "{\"a\":1}", "[\"x]", "[1,,2]", "", "["})
        CHECK(elements_of(bad) == std::vector<std::string>{"refused"});
}

TEST_CASE("what is no object is refused") {
    for (const char* bad : {"", "{", "}", "[]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\":1}}",
                            "{\"a\":1}x", "{a:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{\"a\":[1}",
                            "{\"a\":\"}", "{\"a\\u0062\":1}", "{\"a\":1,\"a\":2}", "nul", "\"a\""})
        CHECK_FALSE(slice_object(bad, "test"));
    std::string many = "{";
    for (int i = 0; i < 65; ++i) many += compose("{}\"k{}\":1", i ? "," : "", i);
    CHECK_FALSE(slice_object(many + "}", "test"));
    // what slips through is no JSON for who reads it
    const auto fields = slice_object(R"({"a":[}],"b":{]}})", "test");
    if (fields)
        for (const JsonField& field : *fields) CHECK_FALSE(Json::parse(field.value, {}, "test"));
    CHECK_FALSE(slice_object(std::string(200000, '['), "test"));
}

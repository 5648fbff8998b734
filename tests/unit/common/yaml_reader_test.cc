#include "common/yaml_reader.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace xos;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string refusal_of(std::string_view text) {
    const auto node = parse_yaml(text, "a.yaml");
    return node ? "" : node.error().message;
}

}  // namespace

TEST_CASE("what a text says and where") {
    const auto node = parse_yaml("a: one\nb:\n  - two\n  - three\n", "a.yaml");
    REQUIRE(node);
    CHECK(check_keys("a.yaml", *node, {"a", "b"}));
    CHECK(*read_string("a.yaml", (*node)["a"]) == "one");
    CHECK(*read_strings("a.yaml", (*node)["a"]) == std::vector<std::string>{"one"});
    CHECK(*read_strings("a.yaml", (*node)["b"]) == std::vector<std::string>{"two", "three"});
    CHECK(read_strings("a.yaml", (*node)["c"])->empty());
    CHECK_THAT(read_string("a.yaml", (*node)["b"]).error().message,
               ContainsSubstring("a.yaml:3:3: expected"));
    CHECK_THAT(check_keys("a.yaml", *node, {"a"}).error().message, ContainsSubstring("a.yaml:2:1:"));
    CHECK_FALSE(check_keys("a.yaml", (*node)["b"], {"a"}));
    CHECK_FALSE(read_strings("a.yaml", *node));
    CHECK_FALSE(check_keys("a.yaml", *parse_yaml("{a: 1, a: 2}", "a.yaml"), {"a"}));
    CHECK_FALSE(check_keys("a.yaml", *parse_yaml("{[a]: 1}", "a.yaml"), {"a"}));
}

TEST_CASE("what is beyond the limits is refused before it is built") {
    CHECK_THAT(refusal_of(std::string(256 * 1024 + 1, ' ')), ContainsSubstring("larger than"));
    CHECK_THAT(refusal_of(std::string("a: \0b", 5)), ContainsSubstring("NUL"));
    CHECK_THAT(refusal_of(std::string(33, '[')), ContainsSubstring("nested deeper"));
    CHECK_THAT(refusal_of(std::string(33, '-')), ContainsSubstring("nested deeper"));
    CHECK_THAT(refusal_of(std::string(300, ' ') + "a"), ContainsSubstring("nested deeper"));
    std::string questions;
    for (int i = 0; i < 2000; ++i) questions += "? ";
    CHECK_FALSE(refusal_of(questions).empty());
    CHECK_THAT(refusal_of("a: &x [1]\nb: *x"), ContainsSubstring("no alias"));
    CHECK_THAT(refusal_of("a: 'open"), ContainsSubstring("a.yaml:"));
}

TEST_CASE("a message does not grow with the text") {
    const std::string word(100'000, 'x');
    CHECK(refusal_of("*" + word).size() < 400);
    const auto node = parse_yaml("{" + word.substr(0, 1000) + ": 1}", "a.yaml");
    REQUIRE(node);
    CHECK(check_keys("a.yaml", *node, {"a"}).error().message.size() < 400);
}

TEST_CASE("rules behind a second document do not silently vanish") {
    CHECK(refusal_of("---\n- a\n") == "");
    CHECK_THAT(refusal_of("- a\n---\n- b\n"), ContainsSubstring("expected one document"));
    CHECK_THAT(refusal_of("- a\n...\n- b\n"), ContainsSubstring("expected one document"));
}

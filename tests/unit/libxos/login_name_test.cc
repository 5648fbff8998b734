#include "libxos/login_name.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

using xos::parse_login_name;

TEST_CASE("a login name is user@vo in a strict grammar") {
    const auto name = parse_login_name("user1@physics");
    REQUIRE(name);
    CHECK(name->user == "user1");
    CHECK(name->vo == "physics");
    CHECK(parse_login_name("a.b_c-d@bio.example-1.org"));
}

TEST_CASE("names from the network that break the grammar are no names") {
    for (const char* bad : {"",
                            "@",
                            "user1",
                            "user1@",
                            "@physics",
                            "User1@physics",
                            "user1@Physics",
                            "1user@physics",
                            "user1@@physics",
                            "a b@physics",
                            "user1@phy sics",
                            "user1@.physics",
                            "user1@physics.",
                            "user1@phy..sics",
                            "user1@-physics",
                            "user1@physics-",
                            "user1@phy.-sics",
                            "user1@phy-.sics",
                            "../x@physics",
                            "user1@physics/..",
                            "user1%n@physics",
                            "user1@1physics"})
        CHECK_FALSE(parse_login_name(bad));
    CHECK(parse_login_name(std::string(31, 'a') + "@" + std::string(63, 'v')));
    CHECK_FALSE(parse_login_name(std::string(32, 'a') + "@physics"));
    CHECK_FALSE(parse_login_name("a@" + std::string(64, 'v')));
    CHECK_FALSE(parse_login_name(std::string("user1\0@physics", 14)));
}

#include "cda/member_import.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <format>

#include "tests/unit/cda/test_authority.h"

using namespace xos;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr char kIssuer[] = "/DC=org/DC=example/CN=Test CA";

std::string fault(const Outcome<std::vector<ImportRow>>& rows) {
    REQUIRE_FALSE(rows);
    CHECK(rows.error().message.starts_with("nothing was done"));
    return rows.error().message;
}

}  // namespace

TEST_CASE("a table of members, as spreadsheets write it") {
    const auto rows = must(parse_member_csv(
        "\xEF\xBB\xBFroles,name,subject,groups,issuer\r\n"
        "lead,user1,\"/DC=org/O=A, B/CN=\"\"One\"\"\",analysis;ops analysis,/DC=org/CN=CA\r\n"
        "\r\n"
        ",user2,,,\n"
        "\"\",\"user3\",\"\",\"ops\",\"\""));
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].groups == std::vector<std::string>{"analysis", "ops"});
    CHECK(rows[0].roles == std::vector<std::string>{"lead"});
    CHECK(rows[0].identities == std::vector<GridIdentity>{{"/DC=org/CN=CA", "/DC=org/O=A, B/CN=\"One\""}});
    CHECK(rows[1].line == 4);
    CHECK(rows[1].groups.empty());
    CHECK(rows[2].name == "user3");
    CHECK(must(parse_member_csv("name\n")).empty());
}

TEST_CASE("every mistake of a table is told with its line, and nothing passes that a record cannot hold") {
    CHECK_THAT(fault(parse_member_csv("")), ContainsSubstring("header"));
    CHECK_THAT(fault(parse_member_csv("user1\nuser2\n")), ContainsSubstring("header"));
    CHECK_THAT(fault(parse_member_csv("name,name\nuser1,user1\n")), ContainsSubstring("header"));
    CHECK_THAT(fault(parse_member_csv("name,subject\nuser1,/CN=x\n")), ContainsSubstring("issuer"));
    const std::string message = fault(parse_member_csv(
        "name,groups\n=cmd|'/c calc'!A1,x\nuser2,@SUM(1)\nuser3\nuser4,a,b\n\"user5,x\nuser6\"x,y\nuser7,ok\n"
        "user7,ok\nuser8\rx,y\n../user9,x\nuser10,\"x\ny\"\n"));
    for (const int line : {2, 3, 4, 5, 6, 7, 9, 10, 11, 12})
        CHECK_THAT(message, ContainsSubstring(std::format("line {}: ", line)));
    CHECK_FALSE(message.contains("line 8: "));
    CHECK(message.contains("user7 is on line 8 already"));
    CHECK_THAT(fault(parse_member_csv("name,issuer,subject\nuser1,CN=x,/CN=y\n")),
               ContainsSubstring("line 2: issuer"));
    CHECK_THAT(fault(parse_member_csv("name,issuer,subject\nuser1,,/CN=y\n")),
               ContainsSubstring("belong together"));
    CHECK_THAT(fault(parse_member_csv(std::string("name\nuser1\0x\n", 13))), ContainsSubstring("line 2"));
    CHECK_FALSE(parse_member_csv("name\n" + std::string(kImportMax, 'a')));
    std::string many = "name\n";
    for (int i = 0; i < 1000; ++i) many += "BAD\n";
    const std::string first = fault(parse_member_csv(many));
    CHECK(first.contains("1000 lines"));
    CHECK(first.size() < 4096);
}

TEST_CASE("a grid-mapfile, with the freedoms that its readers allow") {
    const auto rows =
        must(parse_gridmap("# users of the grid\n\n"
                           "\"/DC=org/DC=example/CN=User One\" user1\n"
                           "  /DC=org/CN=Plain\tuser2,user2b\r\n"
                           "\"/DC=org/CN=Quo\\\"te\\\\x\\x20y/Email=a@b\" user3 , other\n"
                           "\"/DC=org/CN=User One again\" user1",
                           kIssuer));
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].name == "user1");
    CHECK(rows[0].identities == std::vector<GridIdentity>{{kIssuer, "/DC=org/DC=example/CN=User One"},
                                                          {kIssuer, "/DC=org/CN=User One again"}});
    CHECK(rows[1].name == "user2");
    CHECK(rows[1].identities[0].subject == "/DC=org/CN=Plain");
    CHECK(rows[2].identities[0].subject == "/DC=org/CN=Quo\"te\\x y/emailAddress=a@b");
}

TEST_CASE("what a grid-mapfile cannot mean is told by line") {
    const std::string message =
        fault(parse_gridmap("\"/CN=a user1\n"
                            "\"/CN=b\"user1\n"
                            "\"/CN=c\" .pool\n"
                            "/CN=d\n"
                            "\"CN=e\" user1\n"
                            "\"/CN=f\" Root\n"
                            "\"/CN=g\\xzz\" user1\n"
                            "\"/CN=h\\x0ai\" user1\n"
                            "\"/CN=j\" user1\n"
                            "\"/CN=j\" user2\n"
                            "\"/CN=k\" root;rm\n",
                            kIssuer));
    for (const int line : {1, 2, 3, 4, 5, 6, 7, 8, 10, 11})
        CHECK_THAT(message, ContainsSubstring(std::format("line {}: ", line)));
    CHECK_FALSE(message.contains("line 9: "));
    CHECK_FALSE(parse_gridmap("\"/CN=a\" user1\n", "Test CA"));
    std::string shared;
    for (size_t i = 0; i <= kIdentitiesPerMemberMax; ++i) shared += std::format("\"/CN=p{}\" pool\n", i);
    CHECK_THAT(fault(parse_gridmap(shared, kIssuer)), ContainsSubstring("line 17: pool has more than 16"));
}

TEST_CASE("a giant grid-mapfile is refused, not read") {
    std::string giant;
    while (giant.size() < kImportMax) giant += std::format("\"/CN={}\" u{}\n", giant.size(), giant.size());
    CHECK_THAT(fault(parse_gridmap(giant.substr(0, kImportMax), kIssuer)),
               ContainsSubstring("more than 250000"));
    CHECK_FALSE(parse_gridmap(giant + std::string(kImportMax, 'x'), kIssuer));
    CHECK_THAT(fault(parse_gridmap("\"" + std::string(kImportLineMax, '/') + "\n", kIssuer)),
               ContainsSubstring("line 1: it is too long"));
}

TEST_CASE("an import admits who is missing, in several commits, and can be run again") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    must(authority->add_member("u7@physics", {"old"}, {"lead"}));
    std::string table = "name,groups,issuer,subject\n";
    for (int i = 0; i < 450; ++i) table += std::format("u{0},g{1},{2},/CN=u{0}\n", i, i % 30, kIssuer);
    const auto rows = must(parse_member_csv(table));
    const auto planned = must(authority->import_members("physics", rows, true));
    CHECK((planned.added == 449 && planned.changed == 1 && planned.present == 0));
    CHECK(authority.bundle().members.size() == 1);
    // as a run that was ended after some of its commits leaves it
    must(authority->import_members("physics", {rows.begin(), rows.begin() + 123}, false));
    const auto rest = must(authority->import_members("physics", rows, false));
    CHECK((rest.added == 327 && rest.changed == 0 && rest.present == 123));
    const auto again = must(authority->import_members("physics", rows, false));
    CHECK((again.added == 0 && again.changed == 0 && again.present == 450));
    const Bundle bundle = authority.bundle();  // which checks names, numbers, groups and identities
    CHECK(bundle.members.size() == 450);
    CHECK(bundle.groups.size() == 32);
    const Member member = must(authority->show_member("u7@physics")).member;
    CHECK(member.number == 1);
    CHECK(member.groups == std::vector<std::string>{"g7", "old"});
    CHECK(member.roles == std::vector<std::string>{"lead"});
}

TEST_CASE("an import in conflict with a member does nothing at all") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    must(authority->add_member("user1@physics", {}, {}));
    must(authority->change_member("user1@physics", {.add_identities = {{kIssuer, "/CN=one"}}}));
    const auto rows = must(parse_gridmap("\"/CN=two\" user2\n\"/CN=one\" user3\n", kIssuer));
    for (const bool dry : {true, false}) {
        const auto done = authority->import_members("physics", rows, dry);
        REQUIRE_FALSE(done);
        CHECK_THAT(done.error().message, ContainsSubstring("line 2: /CN=one is an identity of user1"));
    }
    CHECK(authority.bundle().members.size() == 1);
    CHECK(authority->import_members("chem", rows, false).error().code == Errc::not_found);
}

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <format>
#include <map>
#include <random>
#include <set>

#include "tests/unit/cda/test_authority.h"

using namespace xos;

TEST_CASE("groups, roles and identities of a member change together or not at all") {
    TestAuthority authority;
    must(authority->create_vo("physics", {}, kNow));
    must(authority->add_member("user1@physics", {"analysis"}, {"lead"}));
    must(authority->add_member("user2@physics", {}, {}));
    const GridIdentity one{"/DC=org/CN=CA", "/DC=org/CN=One"}, two{"/DC=org/CN=CA", "/DC=org/CN=Two"};
    const Member changed =
        must(authority->change_member("user1@physics", {.add_groups = {"ops", "members", "ops"},
                                                        .drop_groups = {"analysis"},
                                                        .add_roles = {"operator"},
                                                        .drop_roles = {"lead"},
                                                        .add_identities = {one, two}}));
    CHECK(changed.groups == std::vector<std::string>{"ops"});
    CHECK(changed.roles == std::vector<std::string>{"operator"});
    CHECK(changed.identities == std::vector<GridIdentity>{one, two});
    CHECK(changed.number == 1);
    CHECK(authority.bundle().members[0] == changed);

    const uint64_t serial = authority.bundle().serial;
    CHECK(authority->change_member("user1@physics", {.add_groups = {"new"}, .drop_groups = {"absent"}})
              .error()
              .code == Errc::not_found);
    CHECK(authority->change_member("user2@physics", {.add_identities = {one}})
              .error()
              .message.contains("user1"));
    CHECK_FALSE(authority->change_member("user2@physics", {.add_identities = {{"CA", "One"}}}));
    CHECK_FALSE(authority->change_member("user2@physics", {.add_groups = {"../x"}}));
    CHECK_FALSE(authority->change_member("user2@physics", {}));
    CHECK_FALSE(authority->change_member("user3@physics", {.add_groups = {"ops"}}));
    must(authority->change_member("user1@physics", {.add_groups = {"ops"}}));  // as it was
    CHECK(authority.bundle().serial == serial);

    must(authority->change_member("user1@physics", {.drop_identities = {one}}));
    must(authority->change_member("user2@physics", {.add_identities = {one}}));
    const auto groups = must(authority->list_groups("physics"));
    std::map<std::string, size_t> counts;
    for (const GroupSummary& group : groups) counts[group.group.name] = group.members;
    CHECK(counts == std::map<std::string, size_t>{{"members", 2}, {"analysis", 0}, {"ops", 1}});
    const VoRecord vo = authority.bundle().vo;
    CHECK(must(authority->show_member("user2@physics")).uid == vo.uid_base + 2);
}

TEST_CASE("no number is given twice, whoever joins and leaves") {
    for (const unsigned seed : {1u, 2u, 3u}) {
        INFO("seed " << seed);
        std::mt19937 random(seed);
        TestAuthority authority;
        must(authority->create_vo("physics", {}, kNow));
        std::set<uint32_t> members, groups;   // numbers ever given
        std::map<std::string, Member> there;  // by name
        for (int step = 0; step < 250; ++step) {
            const std::string name = std::format("u{}", random() % 12);
            const std::string login = name + "@physics";
            const std::vector<std::string> wanted{std::format("g{}", random() % 20)};
            switch (random() % 4) {
                case 0:
                    CHECK(authority->remove_member(login).has_value() == (there.erase(name) == 1));
                    break;
                case 1:
                    if (const auto changed = authority->change_member(login, {.add_groups = wanted})) {
                        CHECK(changed->number == there.at(name).number);
                        CHECK(changed->id == there.at(name).id);
                    }
                    break;
                case 2:
                    if (random() % 10 == 0) authority.reopen();
                    must(authority->import_members("physics", {{1, name, wanted, {}, {}}}, false));
                    break;
                default:
                    CHECK(authority->add_member(login, wanted, {}).has_value() == !there.contains(name));
                    break;
            }
            const auto now = must(authority->list_members("physics"));
            for (const Member& member : now) {
                if (there.contains(member.name)) continue;
                CHECK(members.insert(member.number).second);
                there[member.name] = member;
            }
            CHECK(now.size() == there.size());
        }
        for (const GroupSummary& group : must(authority->list_groups("physics")))
            CHECK(groups.insert(group.group.number).second);
        CHECK(members.size() > there.size());
    }
}

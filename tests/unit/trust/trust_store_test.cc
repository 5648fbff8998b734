#include "xosd/trust/trust_store.h"

#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/unit/trust/node_state.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Fixture : NodeState {
    SampleVo physics = make_live_vo();

    // Why the VO is not taken as it is now; empty where it is.
    std::string apply(const SampleVo& vo, const std::string& fingerprint = "") {
        const auto taken = trust.apply(vo.seal(), fingerprint);
        return taken ? "" : taken.error().message;
    }
    // The same for physics with this content.
    std::string apply(Bundle bundle, const std::string& fingerprint = "") {
        std::swap(physics.bundle, bundle);
        const std::string answer = apply(physics, fingerprint);
        std::swap(physics.bundle, bundle);
        return answer;
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a VO is taken by its fingerprint, and then without") {
    CHECK_THAT(apply(physics), ContainsSubstring("not trusted here yet"));
    const SigningKey other = must(SigningKey::generate());
    CHECK_FALSE(apply(physics, key_fingerprint(other.public_bytes())).empty());
    CHECK(trust.all().empty());

    CHECK(apply(physics, physics.fingerprint()) == "");
    physics.bundle.serial = 8;
    CHECK(apply(physics) == "");
    REQUIRE(trust.find("physics"));
    CHECK(trust.find("physics")->bundle.serial == 8);
    CHECK(trust.find("bio") == nullptr);

    const auto [vo, member] = trust.find_uid(kUidMin + 1);
    REQUIRE(member != nullptr);
    CHECK(login_name(*member, *vo) == "user1@physics");
    CHECK(trust.find_uid(kUidMin + 3).second == nullptr);
    CHECK(trust.find_uid(0).second == nullptr);
}

TEST_CASE_METHOD(Fixture, "another key under the same name is refused") {
    REQUIRE(apply(physics, physics.fingerprint()) == "");
    const SampleVo impostor = make_live_vo();
    CHECK_THAT(apply(impostor, impostor.fingerprint()), ContainsSubstring("is pinned to"));
    CHECK_FALSE(apply(impostor).empty());
    CHECK(trust.find("physics")->fingerprint == physics.fingerprint());
}

TEST_CASE_METHOD(Fixture, "nothing older than seen is taken, not even after the VO was given up") {
    const Bundle old = physics.bundle;
    physics.bundle.serial = 8;
    physics.bundle.vo.serial = 2;
    REQUIRE(apply(physics, physics.fingerprint()) == "");
    CHECK_THAT(apply(old), ContainsSubstring("this node has seen 2"));
    Bundle older_content = physics.bundle;
    older_content.serial = 7;
    CHECK_THAT(apply(older_content), ContainsSubstring("this node has seen 8"));
    Bundle reissued = physics.bundle;
    reissued.issued -= std::chrono::seconds(1);
    reissued.not_after -= std::chrono::seconds(1);
    CHECK_THAT(apply(reissued), ContainsSubstring("this node has seen 8"));

    REQUIRE(trust.remove("physics"));
    CHECK(trust.find("physics") == nullptr);
    CHECK(trust.remove("physics").error().code == Errc::not_found);
    CHECK_THAT(apply(old, physics.fingerprint()), ContainsSubstring("this node has seen 2"));
    CHECK(apply(physics, physics.fingerprint()) == "");
}

TEST_CASE_METHOD(Fixture, "a VO whose uids clash is refused, and nothing of it is recorded") {
    REQUIRE(apply(physics, physics.fingerprint()) == "");
    SampleVo bio = make_live_vo("bio");
    bio.bundle.vo.id = "22222222-2222-4333-8444-555555555555";
    CHECK_THAT(apply(bio, bio.fingerprint()), ContainsSubstring("clashes with VO physics"));
    CHECK(trust.find("bio") == nullptr);
    CHECK(ledger.find_block(bio.bundle.vo.id).error().code == Errc::not_found);
    bio.bundle.vo.uid_base = kUidMin + kBlockSize;
    CHECK(apply(bio, bio.fingerprint()) == "");
}

TEST_CASE_METHOD(Fixture, "where the owner wants it so, a VO whose uids clash gets others, for good") {
    REQUIRE(apply(physics, physics.fingerprint()) == "");
    SampleVo bio = make_live_vo("bio");
    bio.bundle.vo.id = "22222222-2222-4333-8444-555555555555";
    config.local_blocks = true;
    REQUIRE(apply(bio, bio.fingerprint()) == "");
    const uint32_t base = trust.find("bio")->base;
    CHECK(base >= kUidMin + kBlockSize);
    CHECK(ledger.find_block(bio.bundle.vo.id)->node_local);
    CHECK(trust.find_uid(base + 1).second->name == "user1");
    config.local_blocks = false;
    bio.bundle.serial = 8;
    REQUIRE(apply(bio) == "");
    CHECK(trust.find("bio")->base == base);
}

TEST_CASE_METHOD(Fixture, "a bundle is taken whole or not at all") {
    REQUIRE(apply(physics, physics.fingerprint()) == "");
    Bundle next = physics.bundle;
    next.serial = 8;
    // number 1 was user1's: the last of the three cannot have it
    next.members = {{"user9", 9, "aaaaaaaa-0000-4000-8000-000000000009", {}, {}, false},
                    {"user1", 1, "bbbbbbbb-0000-4000-8000-000000000001", {}, {}, false}};
    CHECK_THAT(apply(next), ContainsSubstring("cannot become"));
    CHECK(trust.find("physics")->bundle.serial == 7);
    CHECK(trust.find_uid(kUidMin + 1).second->id == physics.bundle.members[0].id);
    CHECK(ledger.find_uid(kUidMin + 9).error().code == Errc::not_found);
    // the serial was not used up
    next.members.pop_back();
    CHECK(apply(next) == "");
}

TEST_CASE_METHOD(Fixture, "a policy that is not understood refuses the bundle") {
    physics.bundle.policy = R"([{"allow":["fly"]}])";
    CHECK_THAT(apply(physics, physics.fingerprint()), ContainsSubstring("policy of VO physics"));
    CHECK(trust.all().empty());
    CHECK_THAT(trust.apply("{}", "").error().message, ContainsSubstring("no bundle"));
}

TEST_CASE_METHOD(Fixture, "a policy that nobody signed, or an older one, never decides") {
    const auto allows_submit = [&] {
        const std::vector<std::string> none;
        return trust.find("physics")
            ->policy.decide({"physics", "user1", none, none}, Action::submit, {"", "", none, now_seconds()})
            .permit;
    };
    const Bundle permissive = physics.bundle;
    physics.bundle.serial = 8;
    physics.bundle.policy = R"([{"allow":["login"]}])";
    REQUIRE(apply(physics, physics.fingerprint()) == "");
    CHECK_FALSE(allows_submit());
    // the old one again, by hand and after a restart
    CHECK_THAT(apply(permissive), ContainsSubstring("this node has seen 8"));
    CHECK_FALSE(allows_submit());
    // another policy under the same signature: one character of the signed payload changed
    const std::string sealed = physics.seal();
    const std::string content = "\"content\":";
    const size_t payload = sealed.find("\"payload\":\"", sealed.find(content));
    REQUIRE(payload != std::string::npos);
    for (const size_t place : {20u, 100u, 200u}) {
        std::string forged = sealed;
        char& byte = forged[payload + 11 + place];
        byte = byte == 'A' ? 'B' : 'A';
        CHECK_FALSE(trust.apply(forged, ""));
    }
    // signed by somebody, but not by this VO
    SampleVo stranger = make_live_vo();
    stranger.bundle.serial = 9;
    CHECK_FALSE(apply(stranger).empty());
    CHECK_FALSE(allows_submit());
    TrustStore again(loop, database, ledger, config);
    REQUIRE(again.load());
    CHECK(again.find("physics")->bundle.policy == R"([{"allow":["login"]}])");
}

TEST_CASE_METHOD(Fixture, "what was taken is there after a restart; a damaged VO alone is left out") {
    SampleVo bio = make_live_vo("bio");
    bio.bundle.vo.id = "22222222-2222-4333-8444-555555555555";
    bio.bundle.vo.uid_base = kUidMin + kBlockSize;
    REQUIRE(apply(physics, physics.fingerprint()) == "");
    REQUIRE(apply(bio, bio.fingerprint()) == "");
    {
        TrustStore again(loop, database, ledger, config);
        REQUIRE(again.load());
        REQUIRE(again.find("bio"));
        CHECK(again.find("bio")->base == kUidMin + kBlockSize);
        CHECK(again.find("physics")->find_member("user1")->number == 1);
    }
    REQUIRE(database.execute("UPDATE trusted_vo SET bundle = CAST('{}' AS BLOB) WHERE vo = 'bio'"));
    TrustStore again(loop, database, ledger, config);
    REQUIRE(again.load());
    CHECK(again.all().size() == 1);
    CHECK(again.find("physics") != nullptr);
}

TEST_CASE_METHOD(Fixture, "the accounts of a VO") {
    REQUIRE(apply(physics, physics.fingerprint()) == "");
    const AccountsSnapshot all = trust.publication().make_snapshot();
    REQUIRE(all.accounts.size() == 2);
    CHECK(all.accounts[0].name == "user1@physics");
    CHECK(all.accounts[0].uid == kUidMin + 1);
    CHECK(all.accounts[0].gid == kUidMin + 1);
    CHECK(all.accounts[0].home == "/home/xos/physics/user1");
    const uint32_t groups = kUidMin + first_group_offset(kBlockSize);
    for (const GroupEntry& group : all.groups) {
        if (group.name == "members@physics") {
            CHECK(group.gid == groups);
            CHECK(group.of_all);
        } else {
            CHECK(group.name == "analysis@physics");
            CHECK(group.gid == groups + 1);
            CHECK(group.members == std::vector<std::string>{"user1@physics"});
        }
    }
    CHECK(all.groups.size() == 2);

    const TrustedVo& vo = *trust.find("physics");
    const AccountsSnapshot one = trust.make_snapshot(vo, *vo.find_member("user2"));
    REQUIRE(one.accounts.size() == 1);
    REQUIRE(one.groups.size() == 1);
    CHECK(one.groups[0].name == "members@physics");
    CHECK(one.groups[0].of_all);
}

TEST_CASE("a revoked serial is found wherever the bundle names it") {
    Bundle bundle = make_live_vo().bundle;
    bundle.revoked_serials = {"4a03", "4a01", "4a02"};
    const auto vo = must(make_trusted(std::move(bundle), "SHA256:x"));
    for (const char* serial : {"4a01", "4a02", "4a03"}) CHECK(vo->is_revoked(serial));
    for (const char* serial : {"", "4a", "4a00", "4a04"}) CHECK_FALSE(vo->is_revoked(serial));
}

TEST_CASE_METHOD(Fixture, "a VO that was left out is taken in again when it opens") {
    CHECK(apply(physics, physics.fingerprint()) == "");
    auto name = database.prepare("UPDATE trusted_vo SET fingerprint = ?1");
    REQUIRE(name);
    REQUIRE(name->run(std::string("SHA256:another")));
    TrustStore again{loop, database, ledger, config};
    REQUIRE(again.load());
    CHECK(again.find("physics") == nullptr);
    CHECK(again.has_left_out());
    CHECK_FALSE(again.reopen());  // nothing has changed
    REQUIRE(name->run(physics.fingerprint()));
    int stirred = 0;
    again.on_change([&] { ++stirred; });
    CHECK(again.reopen());
    CHECK(stirred == 1);
    REQUIRE(again.find("physics") != nullptr);
    CHECK(again.find("physics")->base == trust.find("physics")->base);
    CHECK_FALSE(again.has_left_out());
    CHECK_FALSE(again.reopen());
}

TEST_CASE_METHOD(Fixture, "who holds what a VO allowed is told when its content changes or it goes") {
    int stirred = 0;
    trust.on_change([&] { ++stirred; });
    CHECK(apply(physics, physics.fingerprint()) == "");
    CHECK(stirred == 1);
    CHECK(apply(physics) == "");  // the same again
    CHECK(stirred == 1);
    ++physics.bundle.serial;
    CHECK(apply(physics) == "");
    CHECK(stirred == 2);
    REQUIRE(trust.remove("physics"));
    CHECK(stirred == 3);
}

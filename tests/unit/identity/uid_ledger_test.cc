#include "xosd/identity/uid_ledger.h"

#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "libxos/names.h"
#include "tests/unit/identity/sample_accounts.h"

using namespace xos;
namespace {

constexpr const char* kPhysicsId = "vo-1";
constexpr const char* kBioId = "vo-2";

struct Fixture {
    Fixture() { REQUIRE(ledger.reserve_block("physics", kPhysicsId, kUidMin, kBlockSize, local) == kUidMin); }
    Database database = std::move(*Database::open(":memory:"));
    UidLedger ledger = std::move(*UidLedger::open(database));
    LocalIds local;
};

LedgerMember member(uint32_t number, const std::string& id, const std::string& user) {
    return {.vo_id = kPhysicsId, .number = number, .member_id = id, .login_name = user + "@physics"};
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a VO keeps its block, whatever it proposes later") {
    CHECK(ledger.reserve_block("physics", kPhysicsId, kUidMin + kBlockSize, kBlockSize, local) == kUidMin);
    CHECK(ledger.reserve_block("physics", kPhysicsId, kUidMin, 2 * kBlockSize, local).error().code ==
          Errc::conflict);
    CHECK(ledger.reserve_block("physics2", kPhysicsId, kUidMin, kBlockSize, local).error().code ==
          Errc::conflict);
    CHECK(ledger.reserve_block("physics", kBioId, kUidMin + kBlockSize, kBlockSize, local).error().code ==
          Errc::conflict);
    CHECK(ledger.list_blocks()->size() == 1);
}

TEST_CASE_METHOD(Fixture, "a clash names both parties and reserves nothing") {
    auto clash = ledger.reserve_block("bio", kBioId, kUidMin, kBlockSize, local);
    REQUIRE_FALSE(clash);
    CHECK(clash.error().code == Errc::conflict);
    CHECK((clash.error().message.contains("bio") && clash.error().message.contains("physics")));
    const uint32_t base = kUidMin + kBlockSize;
    local.ranges = {{"local user alice", base + 5, 1}};
    clash = ledger.reserve_block("bio", kBioId, base, kBlockSize, local);
    REQUIRE_FALSE(clash);
    CHECK((clash.error().message.contains("bio") && clash.error().message.contains("alice")));
    local.ranges = {{"the subuids of bob", base - 10, 11}};
    clash = ledger.reserve_block("bio", kBioId, base, kBlockSize, local);
    REQUIRE_FALSE(clash);
    CHECK(clash.error().message.contains("bob"));
    local.ranges = {{"the subuids of bob", base - 10, 10}, {"local user carl", base + kBlockSize, 1}};
    CHECK(ledger.reserve_block("bio", kBioId, base, kBlockSize, local) == base);
}

TEST_CASE_METHOD(Fixture, "blocks have their range, size and alignment") {
    const auto refused = [&](uint32_t base, uint32_t size) {
        const auto block = ledger.reserve_block("bio", kBioId, base, size, local);
        return !block && block.error().code == Errc::invalid;
    };
    CHECK(refused(0, kBlockSize));
    CHECK(refused(kUidMin - kBlockSize, kBlockSize));
    CHECK(refused(kUidMin + 1, kBlockSize));
    CHECK(refused(kUidMin + kBlockSize, 2 * kBlockSize));
    CHECK(refused(0x7FF00000, kBlockSize));  // its last ids are above kUidMax
    CHECK(refused(0xFFF00000, kBlockSize));
    CHECK(refused(kUidMin + kBlockSize, kBlockSize / 2));
    CHECK(refused(kUidMin + kBlockSize, 3 * kBlockSize));
    CHECK(refused(0x72000000, 2 * kBlockSizeMax));
    CHECK(ledger.reserve_block("", kBioId, kUidMin + kBlockSize, kBlockSize, local).error().code ==
          Errc::invalid);
}

TEST_CASE_METHOD(Fixture, "a node-local block is free, recorded and stays") {
    local.ranges = {{"the subuids of bob", 0x7FE00000, 1}};
    const auto base = ledger.reserve_local_block("bio", kBioId, kBlockSize, local);
    REQUIRE(base);
    CHECK(*base == 0x7FD00000);  // 0x7FF00000 leaves the range, and bob has the next
    CHECK(ledger.find_block(kBioId)->node_local);
    CHECK(ledger.reserve_block("bio", kBioId, kUidMin + kBlockSize, kBlockSize, local) == *base);
}

TEST_CASE_METHOD(Fixture, "a uid never gets a second subject") {
    REQUIRE(ledger.record(kUidMin + 1, member(1, "id-1", "user1"), local));
    CHECK(ledger.record(kUidMin + 1, member(1, "id-1", "user1"), local));
    const auto second = ledger.record(kUidMin + 1, member(1, "id-2", "user2"), local);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == Errc::conflict);
    CHECK((second.error().message.contains("user1@physics") &&
           second.error().message.contains("user2@physics")));
    // nor does a subject get a second uid
    CHECK(ledger.record(kUidMin + 2, member(2, "id-1", "user1"), local).error().code == Errc::conflict);
    CHECK(ledger.find_uid(kUidMin + 1)->member.member_id == "id-1");
    CHECK(ledger.find_uid(kUidMin + 2).error().code == Errc::not_found);
    // a member may be renamed, and his old name be another member's
    CHECK(ledger.record(kUidMin + 1, member(1, "id-1", "user9"), local));
    CHECK(ledger.find_uid(kUidMin + 1)->member.login_name == "user9@physics");
    CHECK(ledger.record(kUidMin + 3, member(3, "id-3", "user1"), local));
}

TEST_CASE_METHOD(Fixture, "uids follow from block and number, names from the VO, and local names win") {
    CHECK(ledger.record(kUidMin + 2, member(1, "id-1", "user1"), local).error().code == Errc::invalid);
    CHECK(ledger.record(kUidMin, member(0, "id-1", "user1"), local).error().code == Errc::invalid);
    const uint32_t groups = first_group_offset(kBlockSize);
    CHECK(ledger.record(kUidMin + groups, member(groups, "id-1", "user1"), local).error().code ==
          Errc::invalid);
    LedgerMember stranger = member(1, "id-1", "user1");
    stranger.login_name = "user1@bio";
    CHECK(ledger.record(kUidMin + 1, stranger, local).error().code == Errc::invalid);
    stranger.vo_id = "no such VO";
    CHECK(ledger.record(kUidMin + 1, stranger, local).error().code == Errc::not_found);
    local.names = {"user1@physics"};
    const auto taken = ledger.record(kUidMin + 1, member(1, "id-1", "user1"), local);
    REQUIRE_FALSE(taken);
    CHECK((taken.error().code == Errc::conflict && taken.error().message.contains("local user")));
}

TEST_CASE("the ledger outlives its process") {
    const sample::TempDir dir;
    for (int round = 0; round < 2; ++round) {
        auto database = Database::open(dir / "state.sqlite");
        REQUIRE(database);
        auto ledger = UidLedger::open(*database);
        REQUIRE(ledger);
        REQUIRE(ledger->reserve_block("physics", kPhysicsId, kUidMin, kBlockSize, {}));
        const auto done = ledger->record(kUidMin + 1, member(1, round == 0 ? "id-1" : "id-2", "user1"), {});
        CHECK(done.has_value() == (round == 0));
    }
}

TEST_CASE("local ids are read from the files themselves, broken lines passed over") {
    const sample::TempDir dir;
    std::ofstream(dir / "passwd") << "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:5:\nbad:x:1x:1::/:/bin/sh\n"
                                     "user1@physics:x:1001:1001::/:/bin/sh";
    CHECK_FALSE(read_local_ids(dir.path()));  // no group file: who knows which gids are taken
    std::ofstream(dir / "group") << "root:x:0:\nbig:x:1879048200:a,b\n";
    std::ofstream(dir / "subuid") << "alice:1879048192:65536\nevil:1:18446744073709551615\nbroken:1\n";
    const auto local = read_local_ids(dir.path());
    REQUIRE(local);
    CHECK(local->has_user("user1@physics"));
    CHECK(local->has_user("bad"));
    CHECK_FALSE(local->has_user("big"));
    CHECK(local->ranges.size() == 6);
    const auto* clash = local->find_clash(1879048192, 4);
    REQUIRE(clash);
    CHECK(clash->owner == "the subuids of alice");
    REQUIRE(local->find_clash(1879048192 + 65536, 4));  // no sum of first and count wraps
    CHECK(local->find_clash(1879048192 + 65536, 4)->owner == "the subuids of evil");
}

// A million in the long run; the check is the same for each.
TEST_CASE_METHOD(Fixture, "through all joins and leaves no uid gets a second subject") {
    const uint32_t joins = getenv("XOS_LONG_RUN") != nullptr ? 1'000'000 : 20'000;
    const uint32_t size = kBlockSize * 2, base = kUidMin + 2 * size;
    REQUIRE(ledger.reserve_block("chem", "33333333-2222-4333-8444-555555555555", base, size, local));
    const auto member = [](uint32_t number, uint32_t person) {
        return LedgerMember{"33333333-2222-4333-8444-555555555555", number,
                            "cccccccc-0000-4000-8000-" + std::to_string(100000000000 + person),
                            "u" + std::to_string(number) + "@chem"};
    };
    auto transaction = Transaction::begin(database);
    REQUIRE(transaction);
    uint32_t wrong = 0;
    for (uint32_t n = 1; n <= joins; ++n) {
        // everybody leaves before the next one joins: the ledger hears of joins only
        wrong += ledger.record(base + n, member(n, n), local) ? 0 : 1;
        const uint32_t earlier = 1 + n * 2654435761u % n;
        // neither can a newcomer have an earlier number, nor an earlier member a new one
        wrong += ledger.record(base + earlier, member(earlier, joins + n), local) ? 1 : 0;
        wrong += ledger.record(base + joins + n, member(joins + n, earlier), local) ? 1 : 0;
        // who comes back is who he was
        wrong += ledger.record(base + earlier, member(earlier, earlier), local) ? 0 : 1;
    }
    REQUIRE(transaction->commit());
    CHECK(wrong == 0);
}

TEST_CASE_METHOD(Fixture, "uids are listed in slices, and keep a note of their purge") {
    for (uint32_t number = 1; number <= 10; ++number)
        REQUIRE(ledger.record(kUidMin + number,
                              member(number, "m" + std::to_string(number), "user" + std::to_string(number)),
                              local));
    const auto slice = ledger.list_uids(kUidMin + 3, kUidMin + 100, 4);
    REQUIRE(slice);
    REQUIRE(slice->size() == 4);
    CHECK(slice->front().uid == kUidMin + 3);
    CHECK(slice->back().member.login_name == "user6@physics");
    CHECK(ledger.list_uids(kUidMin + 9, kUidMin + 9, 4)->size() == 1);
    CHECK(ledger.list_uids(kUidMin + 11, kUidMax, 4)->empty());
    CHECK(ledger.find_uid(kUidMin + 3)->purged == 0);
    REQUIRE(ledger.note_purged(kUidMin + 3));
    CHECK(ledger.find_uid(kUidMin + 3)->purged != 0);
    CHECK(ledger.record(kUidMin + 3, member(3, "other", "user3"), local).error().code == Errc::conflict);
}

TEST_CASE(
    "who serves names of a domain here already is found in SSSD's configuration and among local names") {
    const sample::TempDir dir;
    std::ofstream(dir / "passwd") << "root:x:0:0:root:/root:/bin/sh\nann@bio:x:1001:1001::/:/bin/sh\n";
    std::ofstream(dir / "group") << "root:x:0:\n";
    CHECK(read_local_ids(dir.path())->find_server_of("site.example") == "");
    REQUIRE(mkdir((dir / "sssd").c_str(), 0755) == 0);
    REQUIRE(mkdir((dir / "sssd/conf.d").c_str(), 0755) == 0);
    std::ofstream(dir / "sssd/sssd.conf")
        << "[sssd]\ndomains = site.example\n\n  [domain/site.example]\nid_provider = ldap\n"
           "#[domain/off]\n[domain/cut";
    std::ofstream(dir / "sssd/conf.d/more.conf") << "[domain/ad.example/child.ad.example]\n";
    std::ofstream(dir / "sssd/conf.d/ignored") << "[domain/ignored]\n";
    const auto local = read_local_ids(dir.path());
    REQUIRE(local);
    for (const char* domain : {"site.example", "ad.example", "child.ad.example"})
        CHECK(local->find_server_of(domain) == "SSSD");
    CHECK(local->find_server_of("bio") == "the local user ann@bio");
    for (const char* domain : {"physics", "off", "ignored", "example", ""})
        CHECK(local->find_server_of(domain) == "");
}

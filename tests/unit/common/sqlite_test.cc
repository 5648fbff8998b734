#include "common/sqlite.h"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "tests/unit/identity/sample_accounts.h"

using namespace xos;

TEST_CASE("values come back as they were bound") {
    auto database = Database::open(":memory:");
    REQUIRE(database);
    REQUIRE(database->execute("CREATE TABLE t(n INTEGER, s TEXT, b BLOB, o TEXT) STRICT"));
    auto insert = database->prepare("INSERT INTO t VALUES (?1, ?2, ?3, ?4)");
    REQUIRE(insert);
    const uint8_t blob[] = {0, 1, 255};
    REQUIRE(
        insert->run(uint32_t{0xffffffff}, std::string("a\0b", 3), std::span<const uint8_t>(blob), nullptr));
    REQUIRE(insert->run(int64_t{-1}, "", std::span<const uint8_t>(), std::optional<std::string>("x")));
    auto select = database->prepare("SELECT n, s, b, o FROM t ORDER BY rowid");
    REQUIRE(select);
    REQUIRE(*select->step());
    CHECK(select->number(0) == 0xffffffff);
    CHECK(select->text(1) == std::string_view("a\0b", 3));
    CHECK(select->blob(2).size() == 3);
    CHECK(select->is_null(3));
    REQUIRE(*select->step());
    CHECK((select->number(0) == -1 && !select->is_null(1) && !select->is_null(2) && select->text(3) == "x"));
    CHECK_FALSE(*select->step());
}

TEST_CASE("what is not committed never happened") {
    auto database = Database::open(":memory:");
    REQUIRE(database->execute("CREATE TABLE t(n INTEGER PRIMARY KEY) STRICT"));
    const auto count = [&] {
        auto select = database->prepare("SELECT count(*) FROM t");
        REQUIRE(*select->step());
        return select->number(0);
    };
    {
        auto transaction = Transaction::begin(*database);
        REQUIRE(transaction);
        REQUIRE(database->execute("INSERT INTO t VALUES (1)"));
    }
    CHECK(count() == 0);
    auto transaction = Transaction::begin(*database);
    REQUIRE(database->execute("INSERT INTO t VALUES (1)"));
    REQUIRE(transaction->commit());
    CHECK(count() == 1);
    const auto twice = database->execute("INSERT INTO t VALUES (1)");
    REQUIRE_FALSE(twice);
    CHECK(twice.error().code == Errc::conflict);
}

TEST_CASE("tables are brought up to date step by step, and never down") {
    const sample::TempDir dir;
    const char* const first[] = {"CREATE TABLE t(a INTEGER) STRICT"};
    const char* const second[] = {first[0], "ALTER TABLE t ADD COLUMN b INTEGER"};
    const char* const broken[] = {first[0], second[1], "CREATE TABLE u(a INTEGER) STRICT; nonsense"};
    auto database = Database::open(dir / "db");
    REQUIRE(database);
    REQUIRE(database->migrate("part", first));
    REQUIRE(database->execute("INSERT INTO t VALUES (1)"));
    REQUIRE(database->migrate("part", second));
    REQUIRE(database->migrate("part", second));
    CHECK(database->execute("INSERT INTO t VALUES (1, 2)"));
    CHECK_FALSE(database->migrate("part", broken));
    CHECK_FALSE(database->execute("SELECT * FROM u"));  // a step happens whole or not at all
    const auto older = database->migrate("part", first);
    REQUIRE_FALSE(older);
    CHECK(older.error().code == Errc::conflict);
    CHECK(database->migrate("other part", std::span(first).first(0)));
}

TEST_CASE("the file is for its owner alone, and a damaged one is named") {
    const sample::TempDir dir;
    const mode_t before = umask(0);
    auto database = Database::open(dir / "db");
    umask(before);
    REQUIRE(database);
    struct stat st{};
    REQUIRE(stat((dir / "db").c_str(), &st) == 0);
    CHECK((st.st_mode & 07777) == 0600);
    REQUIRE(stat((dir / "db-wal").c_str(), &st) == 0);
    CHECK((st.st_mode & 07777) == 0600);
    std::ofstream(dir / "junk") << std::string(4096, 'x');
    const auto junk = Database::open(dir / "junk");
    REQUIRE_FALSE(junk);
    CHECK(junk.error().code == Errc::unavailable);
    CHECK(junk.error().message.contains(dir / "junk"));
}

TEST_CASE("a full disk is said as such") {
    auto database = Database::open(":memory:");
    REQUIRE(database->execute("PRAGMA max_page_count=8; CREATE TABLE t(b BLOB) STRICT"));
    const auto full = database->execute("INSERT INTO t VALUES (zeroblob(1000000))");
    REQUIRE_FALSE(full);
    CHECK(full.error().message.contains("disk is full"));
}

TEST_CASE("an unsynced transaction waits for no disk, and leaves the next ones as they were") {
    const sample::TempDir dir;
    auto database = Database::open(dir / "db");
    REQUIRE(database);
    REQUIRE(database->execute("CREATE TABLE t(a INTEGER) STRICT"));
    const auto level = [&] {
        auto read = database->prepare("PRAGMA synchronous");
        REQUIRE(read);
        REQUIRE(read->bind());
        REQUIRE(*read->step());
        return read->number(0);
    };
    constexpr int64_t kNormal = 1, kFull = 2;  // sqlite.org/pragma.html
    CHECK(level() == kFull);
    {
        auto kept = Transaction::begin_unsynced(*database);
        REQUIRE(kept);
        CHECK(level() == kNormal);
        REQUIRE(database->execute("INSERT INTO t VALUES (1)"));
        REQUIRE(kept->commit());
    }
    CHECK(level() == kFull);
    {
        auto dropped = Transaction::begin_unsynced(*database);
        REQUIRE(dropped);
        REQUIRE(database->execute("INSERT INTO t VALUES (2)"));
        CHECK_FALSE(Transaction::begin_unsynced(*database));  // they do not nest
    }
    CHECK(level() == kFull);
    auto other = Database::open(dir / "db");  // what another process would see
    REQUIRE(other);
    auto read = other->prepare("SELECT sum(a) FROM t");
    REQUIRE(read);
    REQUIRE(read->bind());
    REQUIRE(*read->step());
    CHECK(read->number(0) == 1);
}

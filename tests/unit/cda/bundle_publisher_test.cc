#include "cda/bundle_publisher.h"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "common/compression.h"
#include "common/registry/sqlite_registry.h"
#include "tests/unit/vo/sample_vo.h"

using namespace xos;
using namespace std::chrono_literals;

namespace {

struct Fixture {
    std::string path = "/tmp/xos-publisher-test-XXXXXX";
    std::unique_ptr<SqliteRegistry> registry;
    std::unique_ptr<Authority> authority;
    std::unique_ptr<BundlePublisher> publisher;
    std::string pin;

    Fixture() {
        REQUIRE(mkdtemp(path.data()) != nullptr);
        restart();
        pin = must(authority->create_vo("physics", {}, kNow)).fingerprint;
        for (const char* login : {"user1@physics", "user2@physics"})
            REQUIRE(authority->add_member(login, {"analysis"}, {}));
    }
    ~Fixture() { std::filesystem::remove_all(path); }

    void restart() {
        publisher.reset();
        authority.reset();
        registry = must(SqliteRegistry::open(path + "/registry.sqlite"));
        authority = std::make_unique<Authority>(*registry, must(KeyDirectory::open(path)));
        publisher = std::make_unique<BundlePublisher>(*authority);
    }
    BundleResponse get(std::optional<uint64_t> since = {}, std::string_view etag = {}, bool zstd = false,
                       std::chrono::sys_seconds now = kNow) {
        return must(publisher->answer({"physics", since, etag, zstd}, now));
    }
    Bundle open(const std::string& body, const Bundle* base = nullptr, std::chrono::sys_seconds now = kNow) {
        return must(open_update(body, pin, base, now));
    }
    // What the manager would export now.
    Bundle exported(std::chrono::sys_seconds now = kNow) {
        return must(open_bundle(must(authority->export_bundle("physics", now)), pin, now));
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "whole, then by difference, each the same content") {
    const BundleResponse first = get();
    const Bundle base = open(first.body);
    CHECK(base.members.size() == 2);
    CHECK(first.etag.front() == '"');
    CHECK(first.etag.back() == '"');
    REQUIRE(authority->add_member("user3@physics", {"ops"}, {"lead"}));
    REQUIRE(authority->remove_member("user1@physics"));
    REQUIRE(authority->set_suspended("user2@physics", true));
    REQUIRE(authority->set_policy("physics", "- deny: login"));
    const BundleResponse second = get(base.serial);
    REQUIRE(is_delta(second.body));
    CHECK(second.etag != first.etag);
    const Bundle next = open(second.body, &base);
    CHECK(next == exported());
    CHECK(open(get().body) == next);
    CHECK(next.members.size() == 2);
    CHECK(next.policy == R"([{"deny":["login"]}])");
    // from a serial in between as well
    CHECK(is_delta(get(base.serial + 2).body));
}

TEST_CASE_METHOD(Fixture, "removed and admitted again is another person, in one difference") {
    const Bundle base = open(get().body);
    REQUIRE(authority->remove_member("user1@physics"));
    REQUIRE(authority->add_member("user1@physics", {}, {}));
    const Bundle next = open(get(base.serial).body, &base);
    CHECK(next.members[0].number == 3);
    CHECK(next == exported());
    // and who came and went in between is in no list at all
    REQUIRE(authority->add_member("user9@physics", {}, {}));
    REQUIRE(authority->remove_member("user9@physics"));
    CHECK(open(get(next.serial).body, &next) == exported());
}

TEST_CASE_METHOD(Fixture, "an asker that has it gets nothing, in either encoding") {
    const BundleResponse plain = get(), packed = get({}, {}, true);
    CHECK(packed.zstd);
    CHECK(packed.etag != plain.etag);
    CHECK(must(decompress_text(packed.body, plain.body.size())) == plain.body);
    for (const std::string& etag : {plain.etag, packed.etag, "W/" + plain.etag, "\"x\", " + packed.etag}) {
        const BundleResponse again = get(3, etag, true);
        CHECK(again.not_modified);
        CHECK(again.body.empty());
    }
    CHECK_FALSE(get(3, "\"other\"").not_modified);
    REQUIRE(authority->set_suspended("user2@physics", true));
    CHECK_FALSE(get(3, plain.etag).not_modified);
}

TEST_CASE_METHOD(Fixture, "half through its life it is issued anew: a small difference of the dates") {
    const BundleResponse first = get();
    const Bundle base = open(first.body);
    CHECK(get({}, first.etag, false, kNow + 12h - 1s).not_modified);
    const BundleResponse later = get(base.serial, first.etag, false, kNow + 12h);
    REQUIRE_FALSE(later.not_modified);
    REQUIRE(is_delta(later.body));
    CHECK(later.body.size() < first.body.size());
    const Bundle renewed = open(later.body, &base, kNow + 12h);
    CHECK(renewed.serial == base.serial);
    CHECK(renewed.issued == kNow + 12h);
    CHECK(renewed.not_after == kNow + 36h);
    CHECK(renewed.members == base.members);
}

TEST_CASE_METHOD(Fixture, "what is unknown, too old or from the future gets the whole") {
    CHECK_FALSE(is_delta(get(99).body));
    CHECK_FALSE(is_delta(get(UINT64_MAX).body));
    CHECK_FALSE(is_delta(get(0).body));
    const uint64_t base = open(get().body).serial;
    REQUIRE(authority->set_suspended("user2@physics", true));
    CHECK(is_delta(get(base).body));
    // a gap in the log, as after an upgrade from a version without one
    REQUIRE(authority->set_suspended("user2@physics", false));
    const auto entries = must(registry->list("vo/physics/change/"));
    REQUIRE(registry->erase(entries.back().key, entries.back().revision));
    CHECK_FALSE(is_delta(get(base).body));
    CHECK(open(get(base).body) == exported());
    CHECK(publisher->answer({"chem", {}, {}, false}, kNow).error().code == Errc::not_found);
    CHECK(publisher->answer({"physics", {}, {}, false}, kNow + 400 * 24h).error().code == Errc::denied);
}

TEST_CASE_METHOD(Fixture,
                 "a publisher follows what another process changes, and a restart changes no content") {
    const Bundle base = open(get().body);
    {
        const auto other = must(SqliteRegistry::open(path + "/registry.sqlite"));
        Authority elsewhere(*other, must(KeyDirectory::open(path)));
        REQUIRE(elsewhere.add_member("user5@physics", {}, {}));
    }
    const Bundle next = open(get(base.serial).body, &base);
    CHECK(next.members.size() == 3);
    restart();
    CHECK(open(get(base.serial).body, &base) == next);
}

TEST_CASE_METHOD(Fixture, "an ended credential's revocation goes by a change of its own") {
    const std::string request = must(make_request("user1", must(SigningKey::generate())));
    const auto issued = must(authority->issue("user1@physics", request, 1h, kNow));
    const auto chain =
        must(verify_chain(as_bytes(issued.chain_pem), exported().vo.ca_certificate, "physics", kNow));
    REQUIRE(authority->revoke(chain.serial));
    const Bundle base = open(get().body);
    REQUIRE(base.revoked_serials == std::vector{chain.serial});
    const auto later = kNow + 36h;
    const Bundle next = open(get(base.serial, {}, false, later).body, &base, later);
    CHECK(next.revoked_serials.empty());
    CHECK(next.serial == base.serial + 1);
    CHECK(next == exported(later));
}

TEST_CASE("zstd is capped and strict") {
    const std::string text(100000, 'x');
    const std::string packed = must(compress_text(text));
    CHECK(packed.size() < 100);
    CHECK(is_compressed(packed));
    CHECK(must(decompress_text(packed, text.size())) == text);
    CHECK(decompress_text(packed, text.size() - 1).error().message.contains("more than the 99999 bytes"));
    for (size_t size = 0; size < packed.size(); ++size)
        CHECK_FALSE(decompress_text(packed.substr(0, size), 1 << 20));
    CHECK_FALSE(decompress_text(packed + "x", 1 << 20));
    CHECK_FALSE(decompress_text("text", 1 << 20));
    // a bomb: 128 MB of zeros
    const std::string small = must(compress_text(std::string(1 << 27, '\0')));
    CHECK(small.size() < 64 * 1024);
    CHECK(decompress_text(small, 1 << 20).error().code == Errc::invalid);
}

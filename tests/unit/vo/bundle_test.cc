#include "common/vo/bundle.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/vo/sample_vo.h"

using namespace xos;
using namespace std::chrono_literals;

namespace {

std::string message(const Outcome<Bundle>& outcome) {
    return outcome ? "" : outcome.error().message;
}

}  // namespace

TEST_CASE("a bundle opens as sealed") {
    const SampleVo sample;
    const auto opened = sample.open(sample.seal());
    REQUIRE(opened);
    CHECK(*opened == sample.bundle);
}

TEST_CASE("no changed bit is accepted") {
    const SampleVo sample;
    const std::string sealed = sample.seal();
    std::string changed = sealed;
    for (size_t at = 0; at < sealed.size(); ++at)
        for (int bit = 0; bit < 8; ++bit) {
            changed[at] = static_cast<char>(sealed[at] ^ (1 << bit));
            if (sample.open(changed)) FAIL("accepted with bit " << bit << " of byte " << at << " changed");
            changed[at] = sealed[at];
        }
    for (size_t size = 0; size < sealed.size(); size += 7) CHECK_FALSE(sample.open(sealed.substr(0, size)));
    CHECK_FALSE(sample.open(sealed + "x"));
    CHECK_FALSE(sample.open(sealed + sealed));
}

TEST_CASE("only the pinned key counts") {
    const SampleVo sample, other;
    CHECK(message(other.open(sample.seal())).starts_with("bundle: it is of the VO key SHA256:"));
    // the pinned key's record with the thief's content, and the other way round
    CHECK_FALSE(
        seal_bundle(sample.bundle, sample.statement(), sample.vo_key.public_bytes(), other.registrar_key));
    SampleVo thief;
    thief.bundle.vo = sample.bundle.vo;
    thief.bundle.vo.registrar_key = thief.registrar_key.public_bytes();
    const std::string forged = must(sign_vo_record(thief.bundle.vo, thief.vo_key));
    CHECK_FALSE(seal_bundle(thief.bundle, forged, sample.vo_key.public_bytes(), thief.registrar_key));
}

TEST_CASE("content of another VO of the same registrar is refused") {
    const SampleVo physics;
    SampleVo bio("bio");
    bio.bundle.vo.id = "99999999-2222-4333-8444-555555555555";
    bio.bundle.vo.registrar_key = physics.registrar_key.public_bytes();
    const std::string sealed =
        must(seal_bundle(bio.bundle, bio.statement(), bio.vo_key.public_bytes(), physics.registrar_key));
    const auto mine = Json::parse(physics.seal(), {}, "mine"), theirs = Json::parse(sealed, {}, "theirs");
    const JsonNode mine_root = mine->root(), their_root = theirs->root();
    const std::string mixed = std::format(
        R"({{"xos-bundle":1,"vo_key":{},"vo":{},"content":{}}})", mine_root.field("vo_key")->format(),
        mine_root.field("vo")->format(), their_root.field("content")->format());
    CHECK(message(physics.open(mixed)).contains("it belongs to another VO than physics"));
}

TEST_CASE("validity is checked, with times in the message") {
    SampleVo sample;
    const std::string sealed = sample.seal(), pin = sample.fingerprint();
    CHECK(open_bundle(sealed, pin, kNow + 24h - 1s));
    CHECK(message(open_bundle(sealed, pin, kNow + 24h)) ==
          "the bundle of physics expired at 2026-11-06 00:00:00 UTC, it is 2026-11-06 00:00:00 UTC: get a "
          "newer "
          "one from the VO");
    CHECK(open_bundle(sealed, pin, kNow + 25h, 2h));
    CHECK_FALSE(open_bundle(sealed, pin, kNow + 26h, 2h));
    CHECK(open_bundle(sealed, pin, kNow - kClockSkew));
    CHECK(open_bundle(sealed, pin, kNow - kClockSkew - 1s).error().code == Errc::denied);

    sample.bundle.issued = kNow + 1h;
    CHECK(message(sample.open(sample.seal())).contains("the clocks differ by 3600s"));
    sample = SampleVo();
    sample.bundle.vo.not_after = kNow + 10h;
    CHECK(message(open_bundle(sample.seal(), sample.fingerprint(), kNow + 10h, 9h))
              .contains("the VO physics ended"));
    sample = SampleVo();
    sample.bundle.not_after = kNow + 24h + 1s;  // the registrar may not stretch what the VO key allows
    CHECK(message(sample.open(sample.seal())).contains("lasts longer than the VO record allows"));
}

TEST_CASE("the outside is held to the format") {
    const SampleVo sample;
    const std::string sealed = sample.seal();
    const auto edited = [&](std::string_view from, std::string_view to) {
        std::string text = sealed;
        text.replace(text.find(from), from.size(), to);
        return sample.open(text);
    };
    CHECK_FALSE(edited("\"xos-bundle\":1", "\"xos-bundle\":2"));
    CHECK_FALSE(edited("\"xos-bundle\":1", "\"xos-bundle\":1.0"));
    CHECK_FALSE(edited("\"xos-bundle\":1", "\"xos-bundle\":1,\"more\":1"));
    CHECK_FALSE(edited("\"protected\":", "\"header\":{\"alg\":\"none\"},\"protected\":"));
    CHECK_FALSE(edited("\"signature\":\"", "\"signature\":\"AA"));
    CHECK_FALSE(sample.open("{}"));
    CHECK_FALSE(sample.open(std::string(100000, '[')));
    std::string bad = sample.bundle.policy;
    SampleVo policy;
    policy.bundle.policy = "[";
    CHECK_FALSE(
        seal_bundle(policy.bundle, policy.statement(), policy.vo_key.public_bytes(), policy.registrar_key));
}

TEST_CASE("fingerprints") {
    const std::string fingerprint = key_fingerprint(std::array<uint8_t, 32>{});
    CHECK(fingerprint == "SHA256:Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU");
    CHECK(is_key_fingerprint(fingerprint));
    CHECK_FALSE(is_key_fingerprint(fingerprint + "="));
    CHECK_FALSE(is_key_fingerprint(fingerprint.substr(1)));
    CHECK_FALSE(is_key_fingerprint("SHA256:"));
}

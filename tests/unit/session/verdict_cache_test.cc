#include "xosd/session/verdict_cache.h"

#include <catch2/catch_test_macros.hpp>

using namespace xos;
using namespace std::chrono_literals;

namespace {

const VerdictCache::Time kStart{};

VerifyRequest request(const std::string& key = "AAAA", const std::string& vo = "physics") {
    VerifyRequest r;
    r.ssh_key = key;
    r.vo = vo;
    r.ca_certificate = {1, 2, 3};
    return r;
}

VerifiedCredential credential(const std::string& serial) {
    VerifiedCredential c;
    c.serial = serial;
    return c;
}

}  // namespace

TEST_CASE("only the time does not count in a request's digest") {
    const auto digest = VerdictCache::digest_of(request());
    REQUIRE(digest);
    CHECK(digest->size() == 32);
    auto later = request();
    later.now += 1h;
    CHECK(*VerdictCache::digest_of(later) == *digest);
    CHECK(*VerdictCache::digest_of(request("AAAB")) != *digest);
    CHECK(*VerdictCache::digest_of(request("AAAA", "bio")) != *digest);
    auto other_ca = request();
    other_ca.ca_certificate = {1, 2, 4};
    CHECK(*VerdictCache::digest_of(other_ca) != *digest);
    auto grid = request();
    grid.voms.emplace();
    CHECK(*VerdictCache::digest_of(grid) != *digest);
    auto revoked = grid;
    revoked.voms->crls = {{5}};
    CHECK(*VerdictCache::digest_of(revoked) != *VerdictCache::digest_of(grid));
}

TEST_CASE("a request that is too large for the protocol has no digest, and it is said what is too large") {
    const auto digest = VerdictCache::digest_of(request(std::string(kVerifierPacketMax * 2, 'A')));
    REQUIRE_FALSE(digest);
    CHECK(digest.error().message.contains("the SSH certificate has"));
}

TEST_CASE("a verdict is kept for its time and no longer") {
    VerdictCache cache;
    cache.put("a", credential("1"), kStart);
    REQUIRE(cache.find("a", kStart + kVerdictLifetime - 1ms));
    CHECK(cache.find("a", kStart)->serial == "1");
    CHECK(cache.find("b", kStart) == nullptr);
    cache.put("a", credential("2"), kStart + 1s);  // again: the newer one, from then on
    CHECK(cache.find("a", kStart + kVerdictLifetime)->serial == "2");
    CHECK(cache.find("a", kStart + 1s + kVerdictLifetime) == nullptr);
    CHECK(cache.size() == 0);
}

TEST_CASE("there are never more than kVerdictsMax; the oldest goes") {
    VerdictCache cache;
    for (size_t i = 0; i <= kVerdictsMax; ++i) cache.put(std::to_string(i), credential("1"), kStart);
    CHECK(cache.size() == kVerdictsMax);
    CHECK(cache.find("0", kStart) == nullptr);
    CHECK(cache.find("1", kStart) != nullptr);
}

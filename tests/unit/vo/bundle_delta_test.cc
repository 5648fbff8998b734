#include "common/vo/bundle_delta.h"

#include <catch2/catch_test_macros.hpp>
#include <functional>

#include "tests/unit/vo/sample_delta.h"

using namespace xos;
using namespace std::chrono_literals;

namespace {

struct Fixture {
    SampleVo sample;
    Bundle next = next_content(sample.bundle);
    BundleDelta delta = delta_to(sample.bundle, next);

    Outcome<Bundle> open(std::string_view bytes) { return open(bytes, &sample.bundle); }
    Outcome<Bundle> open(std::string_view bytes, const Bundle* base) const {
        return open_update(bytes, sample.fingerprint(), base, kNow + 10min);
    }
    std::string refusal(std::string_view bytes) {
        const auto opened = open(bytes);
        return opened ? "" : opened.error().message;
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a delta makes the next content of its base") {
    const std::string sealed = seal(sample, delta);
    CHECK(is_delta(sealed));
    CHECK_FALSE(is_delta(sample.seal()));
    CHECK(must(open_delta(sealed, sample.fingerprint(), kNow + 10min)) == delta);
    CHECK(must(open(sealed)) == next);
    // the order of lists is no part of the content
    std::swap(sample.bundle.members[0], sample.bundle.members[1]);
    CHECK(must(open(sealed)) == next);
    CHECK(must(open(sample.seal())).serial == 7);  // the whole is an update too
}

TEST_CASE_METHOD(Fixture, "a renewal moves the dates alone") {
    const Bundle renewed = must(open(seal(sample, renewal_of(sample.bundle, 5min))));
    CHECK(renewed.issued == sample.bundle.issued + 5min);
    CHECK(renewed.members == sample.bundle.members);
    CHECK(renewed.serial == sample.bundle.serial);
}

TEST_CASE_METHOD(Fixture, "VOMS and CRLs come, change and go whole") {
    next.voms = VomsTrust{"physics", {Bytes(100, 1)}, {Bytes(100, 2)}};
    next.crls = {Bytes(50, 3)};
    delta.voms = next.voms;
    delta.crls = next.crls;
    delta.digest = must(digest_content(next));
    const Bundle with = must(open(seal(sample, delta)));
    CHECK(with == next);
    BundleDelta away = renewal_of(with, 1min);
    away.serial = with.serial + 1;
    away.voms = std::optional<VomsTrust>();
    away.crls = std::vector<Bytes>();
    next.voms.reset();
    next.crls.clear();
    away.digest = must(digest_content(next));
    const Bundle without = must(open(seal(sample, away), &with));
    CHECK_FALSE(without.voms);
    CHECK(without.crls.empty());
}

TEST_CASE_METHOD(Fixture, "no changed bit of a delta is accepted") {
    const std::string sealed = seal(sample, delta);
    std::string changed = sealed;
    for (size_t at = 0; at < sealed.size(); ++at)
        for (int bit = 0; bit < 8; bit += at % 8 == 0 ? 1 : 3) {
            changed[at] = static_cast<char>(sealed[at] ^ (1 << bit));
            if (open(changed)) FAIL("accepted with bit " << bit << " of byte " << at << " changed");
            changed[at] = sealed[at];
        }
    for (size_t size = 0; size < sealed.size(); size += 7) CHECK_FALSE(open(sealed.substr(0, size)));
    CHECK_FALSE(open(sealed + sealed));
}

TEST_CASE_METHOD(Fixture, "a delta fits its base and no other") {
    const std::string sealed = seal(sample, delta);
    CHECK(refusal(sealed) == "");
    Bundle other = sample.bundle;
    other.serial = 6;
    CHECK(open(sealed, &other).error().code == Errc::conflict);
    CHECK(open(sealed, &next).error().code == Errc::conflict);  // replayed over what it made
    CHECK(open(sealed, nullptr).error().message.contains("the whole bundle comes first"));
    // the same serial, but not the same content
    other = sample.bundle;
    other.members.push_back({"user9", 9, "aaaaaaaa-0000-4000-8000-000000000009", {}, {}, false});
    CHECK(open(sealed, &other).error().message.contains("does not lead from serial 7"));
    other = sample.bundle;
    other.vo.id = "99999999-2222-4333-8444-555555555555";
    CHECK(open(sealed, &other).error().code == Errc::conflict);
}

TEST_CASE_METHOD(Fixture, "another registrar's delta, or another VO's, is refused") {
    SampleVo thief;
    thief.bundle.vo = sample.bundle.vo;
    CHECK_FALSE(
        seal_delta(delta, sample.statement(), sample.vo_key.public_bytes(), thief.registrar_key).has_value());
    // the thief signs the same statement, within the true VO record
    const auto mine = must(Json::parse(seal(sample, delta), {}, "mine"));
    const JsonNode root = mine.root();
    const auto payload = root.field("delta")->text("payload", kDeltaMax);
    const auto forged = must(
        sign_statement(as_text(*decode_base64url(*payload)), "xos-bundle-delta+json", thief.registrar_key));
    const auto around = [&](const std::string& statement) {
        return compose(R"({{"xos-bundle-delta":1,"vo_key":{},"vo":{},"delta":{}}})",
                       root.field("vo_key")->format(), root.field("vo")->format(), statement);
    };
    CHECK(refusal(around(root.field("delta")->format())) == "");
    CHECK(refusal(around(forged.format())).contains("signed by another key"));
    // a bundle's content is no delta, whoever signed it
    const auto whole = must(Json::parse(sample.seal(), {}, "whole"));
    const JsonNode whole_root = whole.root();
    CHECK(refusal(around(whole_root.field("content")->format())).contains("typ: expected xos-bundle-delta"));
    SampleVo bio("bio");
    bio.bundle.vo.id = "99999999-2222-4333-8444-555555555555";
    CHECK(refusal(seal(bio, renewal_of(bio.bundle, 1min))).contains("it is of the VO key"));
}

TEST_CASE_METHOD(Fixture, "what the digest does not say is not taken") {
    const auto refused = [&](const std::function<void(BundleDelta&)>& edit) {
        BundleDelta edited = delta;
        edit(edited);
        return refusal(seal(sample, edited)).contains("does not lead from serial");
    };
    CHECK_FALSE(refused([](BundleDelta&) {}));
    // removes nothing, yet says another digest; and the other way round
    CHECK(refused([](BundleDelta& edited) { edited.digest[0] ^= 1; }));
    CHECK(refused([](BundleDelta& edited) { edited.members_gone.clear(); }));
    CHECK(refused([](BundleDelta& edited) { edited.members[0].suspended = true; }));
    CHECK(refused([](BundleDelta& edited) { edited.members[0].roles = {"operator"}; }));
    CHECK(refused([](BundleDelta& edited) { edited.members[1].number = 4; }));
    CHECK(refused([](BundleDelta& edited) { edited.members[1].credentials_from = kNow; }));
    CHECK(refused([](BundleDelta& edited) { edited.members[1].identities = {{"/O=CA", "/O=x"}}; }));
    CHECK(refused([](BundleDelta& edited) { edited.revoked_gone.clear(); }));
    CHECK(refused([](BundleDelta& edited) { edited.revoked.push_back("4a0003"); }));
    CHECK(refused([](BundleDelta& edited) { edited.identities.clear(); }));
    CHECK(refused([](BundleDelta& edited) { edited.nodes[0].draining = true; }));
    CHECK(refused([](BundleDelta& edited) { edited.nodes[0].attributes.cpus = 5; }));
    CHECK(refused([](BundleDelta& edited) { edited.policy.reset(); }));
    CHECK(refused(
        [](BundleDelta& edited) { edited.voms = VomsTrust{"physics", {Bytes(9, 1)}, {Bytes(9, 1)}}; }));
    CHECK(refused([](BundleDelta& edited) { edited.crls = {Bytes(9, 1)}; }));
}

TEST_CASE_METHOD(Fixture, "a signed digest does not excuse a broken rule") {
    next.members.push_back({"user4", 3, "aaaaaaaa-0000-4000-8000-000000000004", {}, {}, false});
    delta.members = next.members;
    delta.digest = must(digest_content(next));
    CHECK(refusal(seal(sample, delta)).contains("number 3 is another's too"));
    BundleDelta back = renewal_of(sample.bundle, 1min);
    back.serial = 6;
    CHECK(refusal(seal(sample, back)).contains("leads back"));
    back = renewal_of(sample.bundle, 1min);
    back.not_after += 1s;
    CHECK(refusal(seal(sample, back)).contains("lasts longer than the VO record allows"));
    back = renewal_of(sample.bundle, -30h);
    CHECK(refusal(seal(sample, back)).contains("expired at"));
    back = renewal_of(sample.bundle, 30h);
    CHECK(refusal(seal(sample, back)).contains("the clocks differ"));
}

TEST_CASE("the digest of a content is the same on every node and in every version") {
    Bundle bundle = SampleVo().bundle;
    bundle.revoked_serials = {"4b0001", "4a0001"};
    bundle.revoked_identities = {{"/CN=CA", "/CN=Two"}, {"/CN=CA", "/CN=One"}};
    CHECK(encode_base64url(must(digest_content(bundle))) == "Si_UfIh3z6GWHSp_J8JBORa3Ee4mvB1-D4wPsZDsDms");
}

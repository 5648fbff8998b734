#include "xosd/trust/bundle_difference.h"

#include "tests/unit/trust/node_state.h"
#include "xosd/trust/bundle_update.h"

using namespace xos;
using namespace xos::test;
namespace {

using Numbers = std::vector<uint32_t>;

TrustedVo trusted(std::vector<Member> members, std::vector<Group> groups) {
    SampleVo sample = make_live_vo();
    sample.bundle.members = std::move(members);
    sample.bundle.groups = std::move(groups);
    return *must(make_trusted(sample.bundle, sample.fingerprint()));
}

Numbers numbers_of(const TrustedVo& vo, const Numbers& indexes) {
    Numbers numbers;
    for (const uint32_t index : indexes) numbers.push_back(vo.bundle.members[index].number);
    return numbers;
}

}  // namespace

TEST_CASE("what a bundle changes for accounts and ledger") {
    const std::vector<Group> groups{{kMembersGroup, 0}, {"analysis", 1}};
    const TrustedVo base =
        trusted({{"ann", 1, "a", {}}, {"ben", 2, "b", {"analysis"}}, {"eve", 3, "e", {}}}, groups);

    const BundleDifference first = compare_bundles(nullptr, base);
    CHECK(numbers_of(base, first.fresh) == Numbers{1, 2, 3});
    CHECK(numbers_of(base, first.members) == Numbers{1, 2, 3});
    CHECK(first.groups == Numbers{0, 1});
    CHECK(first.changes_accounts());

    CHECK_FALSE(compare_bundles(&base, base).changes_accounts());
    TrustedVo next = base;
    next.bundle.members[0].suspended = true;
    next.bundle.members[0].roles = {"operator"};
    CHECK_FALSE(compare_bundles(&base, next).changes_accounts());

    // ben has left the group, eve the VO, flo has come, ann is anna now
    next = trusted({{"anna", 1, "a", {}}, {"ben", 2, "b", {}}, {"flo", 4, "f", {}}}, groups);
    const BundleDifference later = compare_bundles(&base, next);
    CHECK(numbers_of(next, later.fresh) == Numbers{1, 4});
    CHECK(numbers_of(next, later.members) == Numbers{1, 2, 4});
    CHECK(later.members_gone == Numbers{3});
    CHECK(later.groups.empty());

    // a name that goes over to a new number
    next = trusted({{"ann", 5, "x", {}}}, {{kMembersGroup, 0}, {"analysis", 1}});
    const BundleDifference other = compare_bundles(&base, next);
    CHECK(numbers_of(next, other.members) == Numbers{5});
    CHECK(other.members_gone == Numbers{1, 2, 3});
}

TEST_CASE("groups that come, go, are renamed or change places") {
    const std::vector<Member> members{{"ann", 1, "a", {"one"}}};
    const TrustedVo base = trusted(members, {{kMembersGroup, 0}, {"one", 1}, {"two", 2}});
    const auto change = [&](std::vector<Group> groups) {
        return compare_bundles(&base, trusted(members, std::move(groups)));
    };
    const BundleDifference renamed = change({{kMembersGroup, 0}, {"one", 1}, {"zwei", 2}, {"three", 3}});
    CHECK(renamed.groups == Numbers{2, 3});
    CHECK(renamed.groups_gone.empty());
    CHECK_FALSE(renamed.regrouped);
    CHECK(change({{kMembersGroup, 0}, {"one", 1}}).groups_gone == Numbers{2});
    // ann's record is the same, but her group is another
    CHECK(change({{kMembersGroup, 0}, {"one", 7}, {"two", 2}}).regrouped);
}

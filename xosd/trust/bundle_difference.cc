#include "xosd/trust/bundle_difference.h"

#include <map>
#include <string_view>

namespace xos {
namespace {

void compare_members(const std::vector<Member>& known, const TrustedVo& next, BundleDifference& difference) {
    const std::vector<Member>& members = next.bundle.members;
    const auto leaves = [&](const Member& member) {
        if (next.find_number(member.number) == nullptr) difference.members_gone.push_back(member.number);
    };
    size_t at = 0;  // both are sorted by name
    for (uint32_t i = 0; i < members.size(); ++i) {
        const Member& member = members[i];
        for (; at < known.size() && known[at].name < member.name; ++at) leaves(known[at]);
        const Member* const before =
            at < known.size() && known[at].name == member.name ? &known[at++] : nullptr;
        const bool same_number = before != nullptr && before->number == member.number;
        if (!same_number || before->id != member.id) difference.fresh.push_back(i);
        if (!same_number || before->groups != member.groups) difference.members.push_back(i);
        if (before != nullptr && !same_number) leaves(*before);
    }
    for (; at < known.size(); ++at) leaves(known[at]);
}

void compare_groups(const std::vector<Group>& known, const std::vector<Group>& groups,
                    BundleDifference& difference) {
    std::map<uint32_t, std::string_view> names;
    std::map<std::string_view, uint32_t> numbers;
    for (const Group& group : known) {
        names[group.number] = group.name;
        numbers[group.name] = group.number;
    }
    for (uint32_t i = 0; i < groups.size(); ++i) {
        const auto number = numbers.find(groups[i].name);
        if (number != numbers.end() && number->second != groups[i].number) difference.regrouped = true;
        const auto before = names.find(groups[i].number);
        if (before == names.end() || before->second != groups[i].name) difference.groups.push_back(i);
        if (before != names.end()) names.erase(before);
    }
    for (const auto& [number, name] : names) difference.groups_gone.push_back(number);
}

}  // namespace

BundleDifference compare_bundles(const TrustedVo* base, const TrustedVo& next) {
    static const Bundle nothing;
    const Bundle& known = base == nullptr ? nothing : base->bundle;
    BundleDifference difference;
    compare_members(known.members, next, difference);
    compare_groups(known.groups, next.bundle.groups, difference);
    return difference;
}

}  // namespace xos

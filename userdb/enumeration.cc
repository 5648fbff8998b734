#include "userdb/enumeration.h"

#include <utility>

namespace xos {
namespace {

using Walk = std::function<std::optional<Json>(const AccountsFile&)>;

// Each group of one user.
Walk walk_groups_of(std::string user) {
    return [user = std::move(user),
            index = uint32_t{0}](const AccountsFile& accounts) mutable -> std::optional<Json> {
        const auto account = accounts.find_user(user);
        while (account && index < account->group_count)
            if (const auto group = accounts.find_group(account->groups[index++]))
                return make_membership(user, group->name);
        return std::nullopt;
    };
}

// Each member of one group. The only place that goes through the members of a group.
Walk walk_members_of(std::string group) {
    return [group = std::move(group),
            index = uint32_t{0}](const AccountsFile& accounts) mutable -> std::optional<Json> {
        const auto view = accounts.find_group(group);
        while (view && index < view->member_count)
            if (const auto account = accounts.find_member(*view, index++))
                return make_membership(account->name, group);
        return std::nullopt;
    };
}

// Each group of each user.
Walk walk_all() {
    return [cursor = AccountsCursor(), user = std::string(),
            of_user = walk_groups_of("")](const AccountsFile& accounts) mutable -> std::optional<Json> {
        for (;;) {
            if (!user.empty())
                if (auto membership = of_user(accounts)) return membership;
            const auto account = accounts.next_user(cursor);
            if (!account) return std::nullopt;
            user = account->name;
            of_user = walk_groups_of(user);
        }
    };
}

Walk test_one(std::string user, std::string group) {
    return [user = std::move(user), group = std::move(group),
            through = false](const AccountsFile& accounts) mutable -> std::optional<Json> {
        const auto account = accounts.find_user(user);
        const auto view = accounts.find_group(group);
        if (std::exchange(through, true) || !account || !view) return std::nullopt;
        for (uint32_t index = 0; index < account->group_count; ++index)
            if (account->groups[index] == view->gid) return make_membership(user, group);
        return std::nullopt;
    };
}

}  // namespace

Enumeration::Enumeration(PinnedAccounts accounts, Next next)
    : accounts_(std::make_unique<PinnedAccounts>(std::move(accounts))), next_(std::move(next)) {}

Enumeration Enumeration::users(PinnedAccounts accounts) {
    return {std::move(accounts),
            [cursor = AccountsCursor()](const AccountsFile& file) mutable -> std::optional<Json> {
                const auto account = file.next_user(cursor);
                if (!account) return std::nullopt;
                return make_record(*account);
            }};
}

Enumeration Enumeration::groups(PinnedAccounts accounts) {
    return {std::move(accounts),
            [cursor = AccountsCursor()](const AccountsFile& file) mutable -> std::optional<Json> {
                const auto group = file.next_group(cursor);
                if (!group) return std::nullopt;
                return make_record(*group);
            }};
}

Enumeration Enumeration::memberships(PinnedAccounts accounts, const std::string& user,
                                     const std::string& group) {
    if (!user.empty() && !group.empty()) return {std::move(accounts), test_one(user, group)};
    if (!user.empty()) return {std::move(accounts), walk_groups_of(user)};
    if (!group.empty()) return {std::move(accounts), walk_members_of(group)};
    return {std::move(accounts), walk_all()};
}

}  // namespace xos

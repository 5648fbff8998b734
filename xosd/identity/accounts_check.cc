#include "xosd/identity/accounts_check.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "libxos/login_name.h"
#include "libxos/names.h"

namespace xos {
namespace {

constexpr size_t kTextMax = 4096;

using Blocks = std::unordered_map<std::string_view, const VoEntry*>;

bool is_clean(std::string_view text) {
    return text.size() <= kTextMax && std::ranges::none_of(text, [](char c) {
               return c == ':' || static_cast<unsigned char>(c) < ' ' || c == 0x7f;
           });
}

bool is_path(std::string_view text) {
    return is_clean(text) && text.starts_with('/');
}

Outcome<Blocks> check_blocks(const std::vector<VoEntry>& vos) {
    Blocks blocks;
    std::vector<const VoEntry*> sorted;
    for (const VoEntry& entry : vos) {
        if (!is_vo_name(entry.vo)) return failure(Errc::invalid, "\"{}\" is no name of a VO", entry.vo);
        if (entry.base < kUidMin || entry.base > kUidMax || entry.size < 4 || entry.size % 4 != 0 ||
            entry.size - 1 > kUidMax - entry.base)
            return failure(Errc::invalid, "the block of VO {} ({} ids from {}) is outside of {}-{}", entry.vo,
                           entry.size, entry.base, kUidMin, kUidMax);
        if (!blocks.emplace(entry.vo, &entry).second)
            return failure(Errc::invalid, "VO {} is there twice", entry.vo);
        sorted.push_back(&entry);
    }
    std::ranges::sort(sorted, {}, &VoEntry::base);
    for (size_t i = 1; i < sorted.size(); ++i)
        if (sorted[i]->base - sorted[i - 1]->base < sorted[i - 1]->size)
            return failure(Errc::invalid, "the blocks of VO {} and VO {} overlap", sorted[i - 1]->vo,
                           sorted[i]->vo);
    return blocks;
}

// The VO entry of a name user@vo; nullptr where there is none.
const VoEntry* find_block(const Blocks& blocks, std::string_view name) {
    const std::optional<LoginName> parsed = parse_login_name(name);
    if (!parsed) return nullptr;
    const auto found = blocks.find(parsed->vo);
    return found == blocks.end() ? nullptr : found->second;
}

bool is_user_id(const VoEntry& vo, uint32_t id) {
    return id > vo.base && id - vo.base < first_group_offset(vo.size);
}

bool is_group_id(const VoEntry& vo, uint32_t id) {
    return id >= vo.base && id - vo.base >= first_group_offset(vo.size) && id - vo.base < vo.size;
}

bool is_named(const VoEntry& vo, std::string_view name) {
    const std::optional<LoginName> parsed = parse_login_name(name);
    return parsed && parsed->vo == vo.vo;
}

}  // namespace

Outcome<void> check_account(const VoEntry& vo, const AccountEntry& account) {
    if (!is_named(vo, account.name))
        return failure(Errc::invalid, "\"{}\" is no name of a user of VO {}", account.name, vo.vo);
    if (!is_user_id(vo, account.uid))
        return failure(Errc::invalid, "uid {} of {} is outside of the users' part of its VO's block",
                       account.uid, account.name);
    if (account.gid != account.uid && !is_group_id(vo, account.gid))
        return failure(Errc::invalid, "gid {} of {} is neither its uid nor a group of its VO", account.gid,
                       account.name);
    if (!is_clean(account.gecos) || !is_path(account.home) || !is_path(account.shell))
        return failure(Errc::invalid, "the full name, home or shell of {} cannot stand in a passwd line",
                       account.name);
    return {};
}

Outcome<void> check_group(const VoEntry& vo, const GroupEntry& group) {
    if (!is_named(vo, group.name))
        return failure(Errc::invalid, "\"{}\" is no name of a group of VO {}", group.name, vo.vo);
    if (!is_group_id(vo, group.gid))
        return failure(Errc::invalid, "gid {} of {} is outside of the groups' part of its VO's block",
                       group.gid, group.name);
    return {};
}

Outcome<void> check_snapshot(const AccountsSnapshot& snapshot) {
    const Outcome<Blocks> blocks = check_blocks(snapshot.vos);
    if (!blocks) return std::unexpected(blocks.error());
    for (const AccountEntry& account : snapshot.accounts) {
        const VoEntry* vo = find_block(*blocks, account.name);
        if (vo == nullptr)
            return failure(Errc::invalid, "\"{}\" is no name of a user of an accepted VO", account.name);
        if (Outcome<void> checked = check_account(*vo, account); !checked) return checked;
    }
    for (const GroupEntry& group : snapshot.groups) {
        const VoEntry* vo = find_block(*blocks, group.name);
        if (vo == nullptr)
            return failure(Errc::invalid, "\"{}\" is no name of a group of an accepted VO", group.name);
        if (Outcome<void> checked = check_group(*vo, group); !checked) return checked;
    }
    return {};
}

}  // namespace xos

#include "cli/accounts_file_check.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace xos {
namespace {

constexpr char kPublish[] =
    "as root: xos node reload, which writes the accounts again; the log of xosd says why it failed";

// Root's alone to write, readable by everybody, and the way to it too: every process of every user maps it.
bool check_mode(const std::string& path, const struct stat& file, Findings& findings) {
    if (!S_ISREG(file.st_mode) || file.st_uid != 0 || (file.st_mode & 022) != 0) {
        wrong(findings,
              compose("{} is not a file of root that only root can write: no process uses it", path),
              compose("find out who made it; remove it and, {}", kPublish));
        return false;
    }
    if ((file.st_mode & 0444) != 0444) {
        wrong(findings,
              compose("{} has the mode {:o}: not everybody can read it", path, file.st_mode & 07777),
              compose("chmod 0444 {}", path));
        return false;
    }
    const std::string directory = path.substr(0, path.rfind('/'));
    struct stat st{};
    if (stat(directory.c_str(), &st) == 0 && (st.st_mode & 0111) != 0111) {
        wrong(findings,
              compose("{} has the mode {:o}: not everybody can reach the accounts in it", directory,
                      st.st_mode & 07777),
              compose("chmod a+x {}", directory));
        return false;
    }
    return true;
}

uint64_t count_accounts(const PinnedAccounts& accounts, bool* sound) {
    AccountsCursor cursor;
    uint64_t count = 0;
    for (;; ++count) {
        const auto account = accounts.next_user(cursor);
        if (account) continue;
        *sound = account.error().code == Errc::not_found;
        return count;
    }
}

}  // namespace

std::optional<PinnedAccounts> check_accounts_file(const std::string& path, const std::string& advice,
                                                  Findings& findings) {
    struct stat st{};
    if (lstat(path.c_str(), &st) != 0) {
        wrong(findings, compose("{} cannot be examined: {}", path, strerror(errno)), advice);
        return std::nullopt;
    }
    if (!check_mode(path, st, findings)) return std::nullopt;
    auto accounts = map_accounts(path.c_str());
    if (!accounts) {
        wrong(findings,
              compose("{} is damaged, or of another version of XtreemOS{}{}", path,
                      accounts.error().sys != 0 ? ": " : "",
                      accounts.error().sys != 0 ? strerror(accounts.error().sys) : ""),
              advice);
        return std::nullopt;
    }
    bool sound = false;
    const uint64_t count = count_accounts(*accounts, &sound);
    if (!sound) {
        wrong(findings, compose("{} is damaged: not every account in it can be read", path), advice);
        return std::nullopt;
    }
    if (accounts->is_retired())
        wrong(findings, compose("{} says of itself that another file has taken its place", path), advice);
    else
        good(findings, compose("{}: generation {}, {} accounts of {} VOs", path, accounts->generation(),
                               count, list_blocks(*accounts).size()));
    return std::optional<PinnedAccounts>(std::move(*accounts));
}

void check_boot_copy(const PinnedAccounts* current, const std::string& path, Findings& findings) {
    const auto boot = check_accounts_file(path, kPublish, findings);
    if (!boot || current == nullptr || boot->generation() == current->generation()) return;
    wrong(findings,
          compose("the boot copy {} has the generation {}, the accounts in use {}", path, boot->generation(),
                  current->generation()),
          kPublish);
}

std::vector<VoBlock> list_blocks(const PinnedAccounts& accounts) {
    std::vector<VoBlock> blocks;
    AccountsCursor cursor;
    while (const auto block = accounts.next_vo(cursor)) blocks.push_back(*block);
    return blocks;
}

void compare_with_node(const PinnedAccounts& accounts, const NodeView& node, Findings& findings) {
    const size_t before = findings.size();
    for (const TrustedView& vo : node.vos) {
        const auto block = accounts.find_vo(vo.vo);
        if (!block)
            wrong(findings, compose("VO {} is trusted, but the accounts do not hold it", vo.vo), kPublish);
        else if (block->base != vo.uid_base)
            wrong(findings,
                  compose("the uids of VO {} begin at {} in the accounts, at {} for xosd", vo.vo, block->base,
                          vo.uid_base),
                  kPublish);
    }
    for (const VoBlock& block : list_blocks(accounts))
        if (std::ranges::find(node.vos, block.vo, &TrustedView::vo) == node.vos.end())
            wrong(findings, compose("the accounts hold VO {}, which is not trusted here", block.vo),
                  kPublish);
    bool sound = true;
    const uint64_t count = count_accounts(accounts, &sound);
    if (count != node.accounts)
        wrong(findings, compose("the accounts hold {} members, xosd knows {}", count, node.accounts),
              kPublish);
    if (findings.size() == before) good(findings, "the accounts are what xosd says");
}

}  // namespace xos

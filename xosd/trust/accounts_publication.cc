#include "xosd/trust/accounts_publication.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "common/log.h"
#include "xosd/session/home_directory.h"
#include "xosd/sshd/sshd_config.h"
#include "xosd/trust/node_membership.h"

namespace xos {
namespace {

constexpr auto kPublishDeadline = std::chrono::seconds(60);
constexpr auto kBootCopyDeadline = std::chrono::seconds(30);
constexpr size_t kInPlaceMax = 5000;  // entries that change in one turn of the loop: some 10 ms

uint32_t group_base(const TrustedVo& vo) {
    return vo.base + first_group_offset(vo.bundle.vo.block_size);
}

GroupEntry make_group(const TrustedVo& vo, const Group& group) {
    return {.name = group.name + "@" + vo.bundle.vo.name,
            .gid = group_base(vo) + group.number,
            .of_all = group.number == 0};
}

using GroupNumbers = std::unordered_map<std::string_view, uint32_t>;

GroupNumbers number_groups(const TrustedVo& vo) {
    GroupNumbers numbers;
    for (const Group& group : vo.bundle.groups) numbers[group.name] = group.number;
    return numbers;
}

std::vector<uint32_t> find_gids(const TrustedVo& vo, const Member& member, const GroupNumbers& numbers) {
    std::vector<uint32_t> gids{group_base(vo)};
    for (const std::string& name : member.groups)
        if (const auto found = numbers.find(name); found != numbers.end())
            gids.push_back(group_base(vo) + found->second);
    std::ranges::sort(gids);
    return gids;
}

}  // namespace

std::set<uint32_t> AccountsPublication::find_active() const {
    return config_.enumerate == Enumerate::active && active_ ? active_() : std::set<uint32_t>();
}

AccountEntry AccountsPublication::make_entry(const TrustedVo& vo, const Member& member,
                                             const std::set<uint32_t>& active) const {
    const std::string login = login_name(member, vo);
    const Home home{config_.home_root, vo.bundle.vo.name, member.name, 0, 0};
    const uint32_t uid = vo.uid_of(member);
    const bool listed = config_.enumerate == Enumerate::all ||
                        (config_.enumerate == Enumerate::active && active.contains(uid));
    return {login, uid, uid, "VO member " + login, home_path(home), config_.shell, listed};
}

AccountsSnapshot AccountsPublication::make_snapshot(const TrustedVo& vo, const Member& member) const {
    AccountsSnapshot one;
    one.vos.push_back({vo.bundle.vo.name, vo.base, vo.bundle.vo.block_size});
    one.accounts.push_back(make_entry(vo, member, {}));
    one.accounts.front().listed = true;
    for (const Group& group : vo.bundle.groups) {
        if (group.number != 0 && !std::ranges::contains(member.groups, group.name)) continue;
        one.groups.push_back(make_group(vo, group));
        if (!one.groups.back().of_all) one.groups.back().members = {one.accounts.front().name};
    }
    return one;
}

AccountsSnapshot AccountsPublication::make_snapshot() const {
    AccountsSnapshot all;
    const std::set<uint32_t> active = find_active();
    for (const auto& [name, vo] : vos_) {
        all.vos.push_back({name, vo->base, vo->bundle.vo.block_size});
        std::unordered_map<std::string_view, size_t> places;
        for (const Group& group : vo->bundle.groups) {
            places[group.name] = all.groups.size();
            all.groups.push_back(make_group(*vo, group));
        }
        for (const Member& member : vo->bundle.members) {
            all.accounts.push_back(make_entry(*vo, member, active));
            for (const std::string& group : member.groups)
                if (const auto place = places.find(group); place != places.end())
                    all.groups[place->second].members.push_back(all.accounts.back().name);
        }
    }
    return all;
}

void AccountsPublication::note_all() {
    whole_ = true;
    changes_.clear();
}

void AccountsPublication::note(const TrustedVo& vo, const BundleDifference& difference) {
    if (whole_) return;
    const auto& [fresh, members, members_gone, groups, groups_gone, regrouped] = difference;
    if (regrouped || members.size() + members_gone.size() + groups.size() + groups_gone.size() > kInPlaceMax)
        return note_all();
    AccountsChange change;
    const GroupNumbers numbers = number_groups(vo);
    const std::set<uint32_t> active = find_active();
    for (const uint32_t index : members) {
        const Member& member = vo.bundle.members[index];
        change.accounts.push_back({make_entry(vo, member, active), find_gids(vo, member, numbers)});
    }
    for (const uint32_t number : members_gone) change.accounts_gone.push_back(vo.base + number);
    for (const uint32_t index : groups) change.groups.push_back(make_group(vo, vo.bundle.groups[index]));
    for (const uint32_t number : groups_gone) change.groups_gone.push_back(group_base(vo) + number);
    changes_.push_back(std::move(change));
}

void AccountsPublication::publish(Done done) {
    waiting_.push_back(std::move(done));
    if (!busy_) start();
}

void AccountsPublication::start() {
    current_ = std::exchange(waiting_, {});
    busy_ = true;
    if (whole_ || editor_ == nullptr || !change_in_place()) replace_whole();
}

// true: it was done; the boot copy follows.
bool AccountsPublication::change_in_place() {
    for (const AccountsChange& change : std::exchange(changes_, {})) {
        const auto applied = editor_->apply(change);
        if (applied) continue;
        log(Level::debug, "accounts file made anew", {{"reason", applied.error().message}});
        return false;
    }
    const auto edits = std::make_shared<BootEdits>(editor_->take_edits());
    disk_.run(
        "the boot copy of the accounts", kBootCopyDeadline, [edits] { return write_edits(*edits); },
        [this](const Outcome<void>& written) {
            // what one change has left out there, the next one must not build upon
            if (!written) note_all();
            finish(written);
        });
    return true;
}

Outcome<std::string> AccountsPublication::write_whole(const std::vector<std::string>& names,
                                                      pid_t daemon) const {
    // one that outlived its daemon would put old accounts in the place of the next daemon's
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != daemon)
        return failure(Errc::unavailable, "xosd has ended");
    auto writer = AccountsWriter::open(paths_.run, paths_.boot);
    if (!writer) return std::unexpected(writer.error());
    if (auto written = writer->replace(make_snapshot()); !written) return std::unexpected(written.error());
    if (!config_.manage_sshd) return "";
    return install_sshd_config(make_sshd_config(names, find_host_certificate(names)));
}

void AccountsPublication::replace_whole() {
    whole_ = false;
    changes_.clear();
    editor_.reset();
    std::vector<std::string> names;
    for (const auto& [name, vo] : vos_) names.push_back(name);
    operations_.run(
        "accounts file and sshd block", kPublishDeadline,
        [this, names, daemon = getpid()] { return write_whole(names, daemon); },
        [this](const Outcome<std::string>& written) {
            if (!written) {
                note_all();
                return finish(std::unexpected(written.error()));
            }
            auto editor = AccountsEditor::open(paths_.run, paths_.boot);
            if (editor)
                editor_ = *std::move(editor);
            else
                log(Level::warning, "accounts cannot be changed in place",
                    {{"reason", editor.error().message}});
            for (const uint32_t uid : std::exchange(stirred_, {})) stir(uid);
            finish({});
        });
}

void AccountsPublication::finish(const Outcome<void>& outcome) {
    busy_ = false;
    if (!outcome) log(Level::error, "accounts not published", {{"reason", outcome.error().message}});
    for (const Done& done : std::exchange(current_, {})) done(outcome);
    if (!waiting_.empty() && !busy_) start();
}

void AccountsPublication::stir(uint32_t uid) {
    if (config_.enumerate != Enumerate::active) return;
    if (editor_ == nullptr) {
        stirred_.insert(uid);
        return;
    }
    // not_found: has left the VO meanwhile
    if (auto set = editor_->set_listed(uid, find_active().contains(uid));
        !set && set.error().code != Errc::not_found)
        log(Level::warning, "account not shown by its activity",
            {{"uid", std::to_string(uid)}, {"reason", set.error().message}});
}

}  // namespace xos

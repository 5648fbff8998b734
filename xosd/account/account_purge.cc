// AccountService: what a person who is gone left here, removed through the stores that own it.
//
// Homes last but one, the note in the ledger last: killed at any instruction, the purge can be asked for
// again and finds what is still there.
#include <algorithm>
#include <utility>

#include "common/clock.h"
#include "common/log.h"
#include "libxos/login_name.h"
#include "xosd/account/account_service.h"
#include "xosd/account/user_processes.h"
#include "xosd/session/home_directory.h"
#include "xosd/session/home_removal.h"

namespace xos {
namespace {

constexpr auto kLookDeadline = std::chrono::seconds(30);

std::vector<std::string> split_lines(std::string_view text) {
    std::vector<std::string> lines;
    for (size_t end = 0; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1))
        lines.emplace_back(text.substr(0, end));
    return lines;
}

// Calls work with each home; its answer has a line for each that work found.
Outcome<std::string> for_homes(const std::vector<std::string>& homes, uint32_t uid,
                               Outcome<bool> (*work)(const std::string&, uint32_t)) {
    std::string lines;
    for (const std::string& home : homes) {
        const auto found = work(home, uid);
        if (!found) return std::unexpected(found.error());
        if (*found) lines += home + "\n";
    }
    return lines;
}

}  // namespace

struct AccountService::Purge {
    PurgeReport report;
    bool dry_run = false;
    std::chrono::sys_seconds begun;
    std::vector<std::string> homes;  // that may be there
    OnPurged done;
};

Outcome<void> AccountService::check_may_purge(const LedgerEntry& entry) {
    const std::string& login = entry.member.login_name;
    const auto census = take_census();
    if (!census) return std::unexpected(census.error());
    const auto account = describe(entry, *census, 0);
    if (!account) return std::unexpected(account.error());
    if (account->state == AccountState::unknown)
        return failure(Errc::conflict,
                       "the bundle of VO {} does not open, so that nobody knows whether {} is gone: "
                       "'xos vo refresh {}' first",
                       entry.vo, login, entry.vo);
    if (account->state != AccountState::gone)
        return failure(Errc::conflict,
                       "{} (uid {}) is still a member of VO {}: only what somebody left who is gone can be "
                       "purged, once the VO's manager has removed the member or this node no longer trusts "
                       "the VO; an earlier holder of the name is purged by uid",
                       login, entry.uid, entry.vo);
    if (account->sessions != 0)
        return failure(Errc::conflict, "{} has {} open sessions here: end them first; 'xos session list'",
                       login, account->sessions);
    if (account->jobs != 0)
        return failure(Errc::conflict,
                       "{} jobs of {} have not ended: 'xos jobs' lists them, cancel them first",
                       account->jobs, login);
    return {};
}

void AccountService::purge(AccountName who, bool dry_run, OnPurged done) {
    find(0, who, [this, dry_run, done = std::move(done)](const Outcome<LedgerEntry>& entry) {
        if (!entry) return done(std::unexpected(entry.error()));
        begin_purge(*entry, dry_run, done);
    });
}

void AccountService::begin_purge(const LedgerEntry& entry, bool dry_run, const OnPurged& done) {
    if (auto may = check_may_purge(entry); !may) return done(std::unexpected(may.error()));
    if (purging_.contains(entry.uid))
        return done(failure(Errc::conflict, "{} is being purged already", entry.member.login_name));
    const auto visits = parts_.sessions.visits().find(entry.uid);
    if (!visits) return done(std::unexpected(visits.error()));
    const auto purge = std::make_shared<Purge>();
    purge->report.login = entry.member.login_name;
    purge->report.uid = entry.uid;
    purge->dry_run = dry_run;
    purge->begun = current_time();
    purge->done = done;
    for (const Visit& visit : *visits)
        if (!visit.home.empty()) purge->homes.push_back(visit.home);
    // one that was made and never noted: xosd was killed in that moment
    if (const auto name = parse_login_name(entry.member.login_name)) {
        const std::string home =
            home_path({parts_.config.home_root, std::string(name->vo), std::string(name->user), 0, 0});
        if (std::ranges::find(purge->homes, home) == purge->homes.end()) purge->homes.push_back(home);
    }
    purging_.insert(entry.uid);
    operations_.run(
        "look for processes of " + purge->report.login, kLookDeadline,
        [uid = entry.uid] { return find_processes(uid); },
        [this, purge](const Outcome<std::string>& processes) { go_on(purge, processes); });
}

void AccountService::go_on(const std::shared_ptr<Purge>& purge, const Outcome<std::string>& processes) {
    PurgeReport& report = purge->report;
    if (!processes) return end_purge(purge, std::unexpected(processes.error()));
    if (!processes->empty())
        return end_purge(purge, failure(Errc::conflict, "processes of {} (uid {}) run: {}: end them first",
                                        report.login, report.uid, *processes));
    // again: a bundle may have come meanwhile
    const auto entry = parts_.ledger.find_uid(report.uid);
    auto may = entry ? check_may_purge(*entry) : std::unexpected(entry.error());
    if (!may) return end_purge(purge, std::move(may));
    const DelegationService* const delegations = parts_.delegations;
    report.delegated = delegations != nullptr && delegations->store().find(report.uid) != nullptr;
    if (parts_.jobs != nullptr) {
        const auto counts = parts_.jobs->count();
        if (const auto found = counts.find(report.uid); found != counts.end())
            report.jobs = found->second.ended;
    }
    if (purge->dry_run) return tell_only(purge);
    if (report.delegated) parts_.delegations->destroy(report.uid, "its owner is gone and was purged");
    if (parts_.jobs == nullptr) return remove_homes(purge);
    parts_.jobs->forget_all(report.uid, [this, purge](const Outcome<void>& forgotten) {
        if (!forgotten) return end_purge(purge, forgotten);
        remove_homes(purge);
    });
}

void AccountService::tell_only(const std::shared_ptr<Purge>& purge) {
    operations_.run(
        "look for the home of " + purge->report.login, kLookDeadline,
        [homes = purge->homes, uid = purge->report.uid] { return for_homes(homes, uid, has_home); },
        [this, purge](const Outcome<std::string>& found) {
            if (!found) return end_purge(purge, std::unexpected(found.error()));
            purge->report.homes = split_lines(*found);
            end_purge(purge, {});
        });
}

void AccountService::remove_homes(const std::shared_ptr<Purge>& purge) {
    operations_.run(
        "removal of the home of " + purge->report.login, kRemoveDeadline,
        [homes = purge->homes, uid = purge->report.uid] { return for_homes(homes, uid, remove_home); },
        [this, purge](const Outcome<std::string>& removed) {
            if (!removed) return end_purge(purge, std::unexpected(removed.error()));
            purge->report.homes = split_lines(*removed);
            const uint32_t uid = purge->report.uid;
            auto transaction = Transaction::begin(parts_.database);
            Outcome<void> noted = transaction ? parts_.sessions.visits().remove(uid, purge->begun)
                                              : std::unexpected(transaction.error());
            if (noted) noted = parts_.ledger.note_purged(uid);
            if (noted) noted = transaction->commit();
            end_purge(purge, std::move(noted));
        });
}

void AccountService::end_purge(const std::shared_ptr<Purge>& purge, Outcome<void> outcome) {
    const PurgeReport& report = purge->report;
    purging_.erase(report.uid);
    if (!outcome) {
        log(Level::notice, "account not purged",
            {{"user", report.login},
             {"uid", std::to_string(report.uid)},
             {"reason", outcome.error().message}});
        return purge->done(std::unexpected(outcome.error()));
    }
    if (!purge->dry_run)
        log(Level::notice, "account purged",
            {{"user", report.login},
             {"uid", std::to_string(report.uid)},
             {"homes", std::to_string(report.homes.size())},
             {"jobs", std::to_string(report.jobs)}});
    purge->done(report);
}

}  // namespace xos

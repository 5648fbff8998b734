#include "xosd/account/account_service.h"

#include <algorithm>

#include "libxos/login_name.h"
#include "libxos/names.h"

namespace xos {
namespace {

constexpr size_t kPage = 256;
constexpr size_t kSearchSlice = 512;  // rows, a few milliseconds
constexpr size_t kNamesakesMax = 16;

int64_t seconds(std::chrono::sys_seconds time) {
    return time.time_since_epoch().count();
}

bool is_member(AccountState state) {
    return state == AccountState::member || state == AccountState::suspended;
}

}  // namespace

std::string_view account_state_name(AccountState state) {
    switch (state) {
        case AccountState::member:
            return "member";
        case AccountState::suspended:
            return "suspended";
        case AccountState::gone:
            return "gone";
        case AccountState::unknown:
            return "unknown";
    }
    return "unknown";
}

Outcome<AccountService::Census> AccountService::take_census() {
    Census census;
    const auto followed = parts_.trust.list_followed();
    if (!followed) return std::unexpected(followed.error());
    for (const ArchivedVo& vo : *followed)
        if (parts_.trust.find(vo.vo) == nullptr) census.left_out.insert(vo.vo);
    for (const auto& [id, session] : parts_.sessions.all()) ++census.sessions[session.uid];
    if (parts_.jobs != nullptr) census.jobs = parts_.jobs->count();
    return census;
}

AccountState AccountService::state_of(const LedgerEntry& entry, const Census& census) const {
    const auto [vo, member] = parts_.trust.find_uid(entry.uid);
    if (member != nullptr && !vo->bundle.vo.dissolved)
        return member->suspended ? AccountState::suspended : AccountState::member;
    return census.left_out.contains(entry.vo) ? AccountState::unknown : AccountState::gone;
}

Outcome<Account> AccountService::describe(const LedgerEntry& entry, const Census& census, uint32_t asker) {
    Account account{.uid = entry.uid, .login = entry.member.login_name, .vo = entry.vo};
    account.state = state_of(entry, census);
    account.detailed = asker == 0 || asker == entry.uid;
    if (!account.detailed) return account;
    account.member_id = entry.member.member_id;
    account.first_used = entry.first_used;
    account.purged = entry.purged;
    const auto visits = parts_.sessions.visits().find(entry.uid);
    if (!visits) return std::unexpected(visits.error());
    for (const Visit& visit : *visits) {
        account.last_login = std::max(account.last_login, seconds(visit.last));
        if (!visit.home.empty()) account.homes.push_back(visit.home);
    }
    if (const auto found = census.sessions.find(entry.uid); found != census.sessions.end())
        account.sessions = found->second;
    if (const auto found = census.jobs.find(entry.uid); found != census.jobs.end()) {
        account.jobs = found->second.live;
        account.ended_jobs = found->second.ended;
    }
    if (parts_.delegations != nullptr)
        if (const DelegatedCredential* delegated = parts_.delegations->store().find(entry.uid))
            account.delegated_until = seconds(delegated->expires);
    return account;
}

// Everybody with a visit, session, job or delegated credential, the lowest uids first, a page at most.
Outcome<std::vector<uint32_t>> AccountService::find_used(uint32_t first, uint32_t last,
                                                         const Census& census) {
    const auto visited = parts_.sessions.visits().list(first, last, kPage);
    if (!visited) return std::unexpected(visited.error());
    std::set<uint32_t> used(visited->begin(), visited->end());
    const auto add = [&](const auto& of) {
        for (auto at = of.lower_bound(first); at != of.end() && at->first <= last; ++at)
            used.insert(at->first);
    };
    add(census.sessions);
    add(census.jobs);
    if (parts_.delegations != nullptr) add(parts_.delegations->store().all());
    std::vector<uint32_t> page(used.begin(), used.end());
    page.resize(std::min(page.size(), kPage));
    return page;
}

Outcome<std::vector<LedgerEntry>> AccountService::find_page(uint32_t asker, bool all, uint32_t first,
                                                            uint32_t last, const Census& census) {
    if (all) return parts_.ledger.list_uids(first, last, kPage);
    const bool own = asker != 0;  // what others have here is theirs to know
    if (own && (asker < first || asker > last)) return std::vector<LedgerEntry>();
    const auto uids = find_used(own ? asker : first, own ? asker : last, census);
    if (!uids) return std::unexpected(uids.error());
    std::vector<LedgerEntry> entries;
    for (const uint32_t uid : *uids) {
        auto entry = parts_.ledger.find_uid(uid);
        if (!entry && entry.error().code != Errc::not_found) return std::unexpected(entry.error());
        if (entry) entries.push_back(*std::move(entry));
    }
    return entries;
}

Outcome<AccountService::Page> AccountService::list(uint32_t asker, const Query& query) {
    uint32_t first = kUidMin, last = kUidMax;
    if (!query.vo.empty()) {
        const auto blocks = parts_.ledger.list_blocks();
        if (!blocks) return std::unexpected(blocks.error());
        const auto block = std::ranges::find(*blocks, query.vo, &LedgerBlock::vo);
        if (block == blocks->end())
            return failure(Errc::not_found, "no VO {} was ever trusted on this node", query.vo);
        first = block->base;
        last = block->base + (block->size - 1);
    }
    if (query.after >= last) return Page{};
    first = std::max(first, query.after + 1);
    const auto census = take_census();
    if (!census) return std::unexpected(census.error());
    const auto entries = find_page(asker, query.all, first, last, *census);
    if (!entries) return std::unexpected(entries.error());
    Page page;
    for (const LedgerEntry& entry : *entries) {
        auto account = describe(entry, *census, asker);
        if (!account) return std::unexpected(account.error());
        if (account->detailed || is_member(account->state)) page.accounts.push_back(*std::move(account));
    }
    if (entries->size() == kPage) page.next = entries->back().uid;
    return page;
}

struct AccountService::Search {
    std::string login;
    uint32_t next = 0, last = 0;
    std::vector<LedgerEntry> found;
    OnEntry done;
    EventSource timer;
};

Outcome<LedgerEntry> AccountService::find_own(uint32_t asker, const std::string& login) {
    auto own = parts_.ledger.find_uid(asker);
    if (own && own->member.login_name == login) return own;
    return failure(Errc::not_found, "nobody on this node is {}", login);
}

void AccountService::find(uint32_t asker, const AccountName& who, OnEntry done) {
    if (who.login.empty()) return done(parts_.ledger.find_uid(who.uid));
    const auto name = parse_login_name(who.login);
    if (!name)
        return done(failure(Errc::invalid, "\"{}\" is no account: expected user@vo, or a uid", who.login));
    const TrustedVo* const vo = parts_.trust.find(name->vo);
    const Member* const member = vo != nullptr ? vo->find_member(name->user) : nullptr;
    if (member != nullptr) return done(parts_.ledger.find_uid(vo->uid_of(*member)));
    if (asker != 0) return done(find_own(asker, who.login));
    const auto blocks = parts_.ledger.list_blocks();
    if (!blocks) return done(std::unexpected(blocks.error()));
    const auto block = std::ranges::find(*blocks, name->vo, &LedgerBlock::vo);
    if (block == blocks->end())
        return done(failure(Errc::not_found, "no VO {} was ever trusted on this node", name->vo));
    const auto made = std::make_shared<Search>();
    made->login = who.login;
    made->next = block->base;
    made->last = block->base + (block->size - 1);
    made->done = std::move(done);
    searches_.insert(made);
    search(made);
}

void AccountService::search(const std::shared_ptr<Search>& search) {
    auto slice = parts_.ledger.list_uids(search->next, search->last, kSearchSlice);
    if (!slice) {
        searches_.erase(search);
        return search->done(std::unexpected(slice.error()));
    }
    for (LedgerEntry& entry : *slice)
        if (entry.member.login_name == search->login && search->found.size() < kNamesakesMax)
            search->found.push_back(std::move(entry));
    if (slice->size() < kSearchSlice) return end_search(search);
    search->next = slice->back().uid + 1;
    auto timer = parts_.loop.after(std::chrono::microseconds(0), [this, search] {
        const auto held = search;  // the callback that is running goes with its timer
        this->search(held);
    });
    if (timer) {
        search->timer = *std::move(timer);
        return;
    }
    searches_.erase(search);
    search->done(std::unexpected(timer.error()));
}

void AccountService::end_search(const std::shared_ptr<Search>& search) {
    searches_.erase(search);
    const auto& found = search->found;
    if (found.size() == 1) return search->done(found.front());
    if (found.empty())
        return search->done(failure(Errc::not_found, "nobody on this node is or was {}", search->login));
    std::string uids;
    for (const LedgerEntry& entry : found) uids += compose("{}{}", uids.empty() ? "" : ", ", entry.uid);
    search->done(failure(Errc::conflict, "{} people who are gone were called {}: say which by the uid: {}",
                         found.size(), search->login, uids));
}

void AccountService::show(uint32_t asker, AccountName who, OnAccount done) {
    const std::string name = who.login.empty() ? std::to_string(who.uid) : who.login;
    find(asker, who, [this, asker, name, done = std::move(done)](const Outcome<LedgerEntry>& entry) {
        const auto census = take_census();
        if (!census) return done(std::unexpected(census.error()));
        auto account =
            entry ? describe(*entry, *census, asker) : Outcome<Account>(std::unexpected(entry.error()));
        // to a stranger somebody who is gone never was
        const bool hidden = account ? !account->detailed && !is_member(account->state)
                                    : asker != 0 && account.error().code != Errc::invalid;
        if (hidden) account = failure(Errc::not_found, "nobody on this node is {}", name);
        done(std::move(account));
    });
}

}  // namespace xos

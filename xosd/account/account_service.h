// The accounts of this node as its owner sees them: who is a member, who is gone, what each has here.
//
// Owns: no record of its own. It asks the stores that have them (ledger, bundles, sessions, visits, jobs,
// delegated credentials), and has them remove what a person who is gone left here. Process: xosd's loop;
// homes and /proc are looked at in children. Trusts: the kernel's word on who asks.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "xosd/identity/uid_ledger.h"
#include "xosd/job/job_service.h"
#include "xosd/node_config.h"
#include "xosd/operation_watch.h"
#include "xosd/session/delegation_service.h"
#include "xosd/session/session_store.h"
#include "xosd/trust/trust_store.h"

namespace xos {

enum class AccountState : uint8_t {
    member,
    suspended,
    gone,     // was a member: left the VO, or the VO is not trusted here any more
    unknown,  // the VO is trusted, but its bundle does not open
};
std::string_view account_state_name(AccountState state);

struct Account {
    uint32_t uid = 0;
    std::string login, vo;
    bool detailed = false;  // false: the asker may know what getent(1) shows, which is all above
    AccountState state = AccountState::member;
    std::string member_id;
    int64_t first_used = 0, last_login = 0, purged = 0;  // seconds since the epoch; 0: never
    int64_t delegated_until = 0;                         // 0: nothing is delegated
    size_t sessions = 0, jobs = 0, ended_jobs = 0;       // jobs: those that have not ended
    std::vector<std::string> homes;                      // that were made here
};

// By one of both.
struct AccountName {
    std::string login;
    uint32_t uid = 0;
};

struct PurgeReport {
    std::string login;
    uint32_t uid = 0;
    std::vector<std::string> homes;
    size_t jobs = 0;
    bool delegated = false;
};

class AccountService {
  public:
    struct Parts {
        EventLoop& loop;
        Database& database;
        const NodeConfig& config;
        TrustStore& trust;
        UidLedger& ledger;
        SessionStore& sessions;
        DelegationService* delegations = nullptr;  // none: nobody delegates
        JobService* jobs = nullptr;                // none: there are no jobs
    };
    struct Query {
        std::string vo;      // empty: all
        bool all = false;    // also those who have nothing here
        uint32_t after = 0;  // uids above it
    };
    struct Page {
        std::vector<Account> accounts;  // by uid
        std::optional<uint32_t> next;   // there may be more after this uid
    };
    using OnAccount = std::function<void(Outcome<Account>)>;
    using OnPurged = std::function<void(Outcome<PurgeReport>)>;

    // All are the daemon's and outlive the service.
    explicit AccountService(Parts parts) : parts_(parts), operations_(parts.loop) {}

    // A page of bounded size. Root sees everybody with everything, others all members and their own rest.
    Outcome<Page> list(uint32_t asker, const Query& query);
    // not_found, for others than root, also where that person is gone.
    void show(uint32_t asker, AccountName who, OnAccount done);
    // What a person who is gone left here, removed; for root. dry_run: told only. Errc::conflict: a member
    // still, or something of that uid runs. The uid stays that person's.
    void purge(AccountName who, bool dry_run, OnPurged done);

  private:
    using OnEntry = std::function<void(Outcome<LedgerEntry>)>;
    struct Search;
    struct Purge;
    // What is counted once for a whole page.
    struct Census {
        std::set<std::string> left_out;  // VOs that are trusted and not open
        std::map<uint32_t, size_t> sessions;
        std::map<uint32_t, JobCounts> jobs;
    };

    Outcome<Census> take_census();
    AccountState state_of(const LedgerEntry& entry, const Census& census) const;
    Outcome<Account> describe(const LedgerEntry& entry, const Census& census, uint32_t asker);
    Outcome<std::vector<uint32_t>> find_used(uint32_t first, uint32_t last, const Census& census);
    Outcome<std::vector<LedgerEntry>> find_page(uint32_t asker, bool all, uint32_t first, uint32_t last,
                                                const Census& census);
    // People who are gone are found by a search of the ledger, a slice at a time, and for root only: others
    // may know of themselves alone.
    void find(uint32_t asker, const AccountName& who, OnEntry done);
    Outcome<LedgerEntry> find_own(uint32_t asker, const std::string& login);
    void search(const std::shared_ptr<Search>& search);
    void end_search(const std::shared_ptr<Search>& search);

    // account_purge.cc
    Outcome<void> check_may_purge(const LedgerEntry& entry);
    void begin_purge(const LedgerEntry& entry, bool dry_run, const OnPurged& done);
    void go_on(const std::shared_ptr<Purge>& purge, const Outcome<std::string>& processes);
    void tell_only(const std::shared_ptr<Purge>& purge);
    void remove_homes(const std::shared_ptr<Purge>& purge);
    void end_purge(const std::shared_ptr<Purge>& purge, Outcome<void> outcome);

    Parts parts_;
    std::set<std::shared_ptr<Search>> searches_;
    std::set<uint32_t> purging_;
    OperationSet operations_;
};

}  // namespace xos

// A change of accounts and what it does to a published accounts file. Pure.
//
// Owns: the difference between a file and what it is to say. Process: xosd. Trusts: the file, which
// AccountsWriter made; its caller for who is a member.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/failure.h"
#include "libxos/accounts_file.h"
#include "xosd/identity/accounts_writer.h"

namespace xos {

struct AccountsChange {
    struct Account {
        AccountEntry entry;
        std::vector<uint32_t> gids;  // of its groups, ascending
    };
    std::vector<Account> accounts = {};        // new, or in the place of who has the uid
    std::vector<uint32_t> accounts_gone = {};  // uids
    std::vector<GroupEntry> groups = {};       // new or renamed; their members come with accounts
    std::vector<uint32_t> groups_gone = {};    // gids

    [[nodiscard]] size_t size() const {
        return accounts.size() + accounts_gone.size() + groups.size() + groups_gone.size();
    }
};

// Step by step: what goes, the groups' new records, the accounts' new records.
struct ChangePlan {
    struct Account {
        const AccountsChange::Account* to = nullptr;  // null: goes
        std::string old_name = {};                    // empty: was not there
        VoBlock vo = {};
        uint32_t uid = 0;
    };
    struct Group {
        std::string name = {}, old_name = {};  // empty: goes; was not there
        VoBlock vo = {};
        uint32_t gid = 0;
        uint16_t flags = 0;
        std::vector<uint32_t> numbers = {};  // of its members, ascending
    };
    std::vector<Account> accounts = {};
    std::map<uint32_t, Group> groups = {};  // by gid
    // At most: units of the arena, slots of the tables.
    uint64_t units = 0;
    uint32_t names = 0, group_names = 0;
};

// change must outlive the plan. Errc::too_small: the file has no place for it, it must be made anew: a VO
// that is not there, a number outside of its VO's array, a name that another one has now. Errc::invalid: as
// build_accounts_file().
[[nodiscard]] Outcome<ChangePlan> plan_change(const AccountsFile& file, const AccountsChange& change);

}  // namespace xos

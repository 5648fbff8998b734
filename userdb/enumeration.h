// The answers to one request that has many, in order, made a few at a time.
//
// Owns: a mapping of the accounts file of its own, so that all answers are of one file, and a place in it.
// Process: xos-userdb. Trusts: nothing in the file; one that is found corrupt ends the enumeration.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "libxos/accounts_source.h"
#include "userdb/records.h"

namespace xos {

class Enumeration {
  public:
    static Enumeration users(PinnedAccounts accounts);
    static Enumeration groups(PinnedAccounts accounts);
    // One of both may be empty: any.
    static Enumeration memberships(PinnedAccounts accounts, const std::string& user,
                                   const std::string& group);

    // The next answer; nothing: there are no more.
    std::optional<Json> next() { return next_(*accounts_); }

  private:
    using Next = std::function<std::optional<Json>(const AccountsFile&)>;
    Enumeration(PinnedAccounts accounts, Next next);

    std::unique_ptr<PinnedAccounts> accounts_;
    Next next_;
};

}  // namespace xos

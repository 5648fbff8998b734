// Credentials that members delegated to this node: proxies with their private keys.
//
// Owns: their records in the state database, the private keys among them. That file is root's, mode 0600, and
// a key never leaves it but into xosd's own memory; what is deleted is overwritten. Process: xosd. Trusts:
// its own records; a record whose key does not fit is dropped with a line in the log.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "common/credential/signing_key.h"
#include "common/failure.h"
#include "common/sqlite.h"

namespace xos {

struct DelegatedCredential {
    uint32_t uid = 0;
    std::string login;                     // user1@physics
    std::string serial;                    // of the proxy, lower-case hex
    std::string parent;                    // serial of the credential that certified it
    std::chrono::sys_seconds parent_from;  // when that began
    std::chrono::sys_seconds expires;
    std::string chain;  // public: proxy and credential, PEM
};

// One for each uid: a newer one takes the place of the one before.
class DelegationStore {
  public:
    explicit DelegationStore(Database& database) : database_(database) {}

    Outcome<void> load();  // once, first
    // Durable when it returns, key and record together.
    Outcome<void> put(DelegatedCredential delegated, const SigningKey& key);
    // Whether there was one; reason is for the log.
    bool remove(uint32_t uid, std::string_view reason);

    const std::map<uint32_t, DelegatedCredential>& all() const { return delegated_; }
    const DelegatedCredential* find(uint32_t uid) const;

  private:
    Database& database_;
    std::map<uint32_t, DelegatedCredential> delegated_;
};

}  // namespace xos

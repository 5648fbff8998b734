#include "xosd/session/delegation_store.h"

#include <openssl/crypto.h>

#include <utility>
#include <vector>

#include "common/encoding.h"
#include "common/log.h"

namespace xos {
namespace {

constexpr const char* kSchema[] = {
    "CREATE TABLE delegation (uid INTEGER PRIMARY KEY, login TEXT NOT NULL, serial TEXT NOT NULL,"
    " parent TEXT NOT NULL, parent_from INTEGER NOT NULL, expires INTEGER NOT NULL, chain TEXT NOT NULL,"
    " public_key TEXT NOT NULL, private_key TEXT NOT NULL) STRICT;",
};

int64_t seconds(std::chrono::sys_seconds time) {
    return time.time_since_epoch().count();
}
std::chrono::sys_seconds time_of(int64_t seconds) {
    return std::chrono::sys_seconds(std::chrono::seconds(seconds));
}

bool fits(std::string_view private_key, std::string_view public_key) {
    const auto key = SigningKey::from_pem(private_key);
    return key && encode_base64url(key->public_bytes()) == public_key;
}

// What was overwritten or deleted stays in the write-ahead log until that is emptied (sqlite.org/wal.html).
Outcome<void> empty_log(Database& database) {
    return database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
}

}  // namespace

Outcome<void> DelegationStore::load() {
    // without it deleted keys would stay readable in free pages of the file
    if (auto done = database_.execute("PRAGMA secure_delete = ON"); !done) return done;
    if (auto migrated = database_.migrate("delegation", kSchema); !migrated) return migrated;
    auto select = database_.prepare(
        "SELECT uid, login, serial, parent, parent_from, expires, chain, public_key, private_key FROM "
        "delegation");
    if (!select) return std::unexpected(select.error());
    if (auto bound = select->bind(); !bound) return bound;
    std::vector<uint32_t> broken;
    while (true) {
        const auto row = select->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) break;
        const auto uid = static_cast<uint32_t>(select->number(0));
        if (!fits(select->text(8), select->text(7))) broken.push_back(uid);
        delegated_[uid] = {uid,
                           std::string(select->text(1)),
                           std::string(select->text(2)),
                           std::string(select->text(3)),
                           time_of(select->number(4)),
                           time_of(select->number(5)),
                           std::string(select->text(6))};
    }
    for (const uint32_t uid : broken) remove(uid, "its private key is lost or damaged");
    return {};
}

Outcome<void> DelegationStore::put(DelegatedCredential delegated, const SigningKey& key) {
    auto insert = database_.prepare(
        "INSERT OR REPLACE INTO delegation (uid, login, serial, parent, parent_from, expires, chain, "
        "public_key,"
        " private_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    if (!insert) return std::unexpected(insert.error());
    auto pem = key.to_pem();
    if (!pem) return std::unexpected(pem.error());
    const auto done = insert->run(delegated.uid, delegated.login, delegated.serial, delegated.parent,
                                  seconds(delegated.parent_from), seconds(delegated.expires), delegated.chain,
                                  encode_base64url(key.public_bytes()), *pem);
    OPENSSL_cleanse(pem->data(), pem->size());
    if (!done) return std::unexpected(done.error());
    if (delegated_.contains(delegated.uid))
        if (auto emptied = empty_log(database_); !emptied) return emptied;
    const uint32_t uid = delegated.uid;
    delegated_[uid] = std::move(delegated);
    return {};
}

bool DelegationStore::remove(uint32_t uid, std::string_view reason) {
    const auto found = delegated_.find(uid);
    if (found == delegated_.end()) return false;
    auto remove = database_.prepare("DELETE FROM delegation WHERE uid = ?1");
    Outcome<void> done = remove ? remove->run(uid) : std::unexpected(remove.error());
    if (done) done = empty_log(database_);
    // a record that stays because the disk is full is worth nothing: it is checked again whenever it is used
    if (!done) log(Level::error, "delegated credential not removed", {{"reason", done.error().message}});
    log(Level::info, "delegated credential ended",
        {{"user", found->second.login}, {"serial", found->second.serial}, {"reason", std::string(reason)}});
    delegated_.erase(found);
    return true;
}

const DelegatedCredential* DelegationStore::find(uint32_t uid) const {
    const auto found = delegated_.find(uid);
    return found == delegated_.end() ? nullptr : &found->second;
}

}  // namespace xos

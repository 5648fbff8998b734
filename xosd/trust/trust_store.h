// The VOs that this node follows, and what follows from them: uids, the accounts file, sshd's block.
//
// Owns: the pinned fingerprints and last bundles in the state database; the accounts file through its writer.
// Process: xosd. Trusts: bundles verified by open_bundle() against the pin; the uid ledger for ids.
// A bundle is durable before anything of it is visible. At a start the visible is made again from the
// durable.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/event_loop.h"
#include "common/sqlite.h"
#include "xosd/identity/accounts_writer.h"
#include "xosd/identity/uid_ledger.h"
#include "xosd/node_config.h"
#include "xosd/operation_watch.h"
#include "xosd/trust/trusted_vo.h"

namespace xos {

class TrustStore {
  public:
    // All outlive the store.
    TrustStore(EventLoop& loop, Database& database, UidLedger& ledger, const NodeConfig& config)
        : database_(database), ledger_(ledger), config_(config), operations_(loop) {}

    // Reads the followed VOs back. One that does not open any more is left out, with a line in the log.
    Outcome<void> load();

    const TrustedVo* find(std::string_view vo) const;
    const std::map<std::string, std::unique_ptr<TrustedVo>, std::less<>>& all() const { return vos_; }
    // The member with this uid on the node, and its VO; nulls where it is nobody's.
    std::pair<const TrustedVo*, const Member*> find_uid(uint32_t uid) const;

    // Takes a bundle: durable when it returns, visible when publish() is done. fingerprint may be empty for a
    // VO that is followed already. Refused: another fingerprint than the pinned one, a serial older than
    // seen, a uid clash.
    Outcome<const TrustedVo*> apply(std::string_view bundle, std::string_view fingerprint);
    Outcome<void> remove(std::string_view vo);

    // Writes the accounts file and sshd's block in a child, then calls done. Calls while one runs are joined.
    void publish(std::function<void(Outcome<void>)> done);

    AccountsSnapshot make_snapshot() const;
    // The accounts of one member alone, for the layer of a job.
    AccountsSnapshot make_snapshot(const TrustedVo& vo, const Member& member) const;

  private:
    Outcome<std::unique_ptr<TrustedVo>> open(std::string_view bundle, std::string_view fingerprint,
                                             std::chrono::seconds grace) const;
    Outcome<void> check_newer(const TrustedVo& next) const;
    Outcome<void> reserve_ids(TrustedVo& next);
    Outcome<void> store(TrustedVo& next, std::string_view bundle);
    void start_publishing();

    Database& database_;
    UidLedger& ledger_;
    const NodeConfig& config_;
    std::map<std::string, std::unique_ptr<TrustedVo>, std::less<>> vos_;
    OperationSet operations_;
    bool publishing_ = false;
    std::vector<std::function<void(Outcome<void>)>> waiting_, current_;
};

// The name in a bundle, unverified: only to find the pin to verify it with.
std::optional<std::string> peek_vo_name(std::string_view bundle);

}  // namespace xos

// The VOs that this node follows, and what follows from them: uids, the accounts file, sshd's block.
//
// Owns: the pinned fingerprints and last bundles (BundleArchive); what is seen of them (AccountsPublication).
// Process: xosd. Trusts: bundles verified by prepare_update() against the pin; the uid ledger for ids.
// A bundle is durable before anything of it is visible. At a start the visible is made again from the
// durable. Bundles are opened in a thread; uids are recorded a slice at a time; what is left for the loop is
// one transaction and one swap of pointers.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/event_loop.h"
#include "common/sqlite.h"
#include "xosd/identity/uid_ledger.h"
#include "xosd/node_config.h"
#include "xosd/trust/accounts_publication.h"
#include "xosd/trust/background.h"
#include "xosd/trust/bundle_archive.h"
#include "xosd/trust/bundle_update.h"
#include "xosd/trust/trusted_vo.h"

namespace xos {

struct TakenBundle {
    const TrustedVo* vo = nullptr;  // until the loop goes on
    bool accounts_changed = false;  // publish() has something to do
};

class TrustStore {
  public:
    using Taken = std::function<void(Outcome<TakenBundle>)>;
    // The bytes of a bundle or delta, for as long as the holder lives.
    struct Bytes {
        std::shared_ptr<const void> holder;
        std::string_view text;
    };

    // All outlive the store.
    TrustStore(EventLoop& loop, Database& database, UidLedger& ledger, const NodeConfig& config)
        : loop_(loop),
          database_(database),
          ledger_(ledger),
          config_(config),
          archive_(database),
          publication_(loop, config, vos_),
          background_(loop) {}

    // Reads the followed VOs back. One that does not open any more is left out, with a line in the log.
    Outcome<void> load();
    // Tries those again that were left out: what was wrong may have been this machine's clock. True: there is
    // something to publish().
    bool reopen();
    bool has_left_out() const { return !left_out_.empty(); }

    const TrustedVo* find(std::string_view vo) const;
    const AccountsPublication::Vos& all() const { return vos_; }
    // The member with this uid on the node, and its VO; nulls where it is nobody's.
    std::pair<const TrustedVo*, const Member*> find_uid(uint32_t uid) const;

    // Takes a bundle or delta: durable when taken is called, visible when publish() is done. url, where not
    // empty, is noted as where the VO is followed. Refused, with nothing stored: what is not by the terms,
    // another fingerprint than the pinned one, a serial older than seen, a delta for another base
    // (Errc::conflict), a uid clash. One after the other, in order.
    void take(Bytes bytes, UpdateTerms terms, std::string url, Taken taken);
    // The same at once, in the caller's time: for tests and measurements.
    Outcome<const TrustedVo*> apply(std::string_view bytes, std::string_view fingerprint);
    Outcome<void> remove(std::string_view vo);

    // Every VO that is to be followed, also one that was left out by load().
    Outcome<std::vector<ArchivedVo>> list_followed() { return archive_.list(); }
    // The serial to ask for a difference from; nothing: the whole is wanted.
    std::optional<uint64_t> since_of(const std::string& vo);
    // The grace of the configuration, for all VOs.
    void set_grace(std::chrono::seconds grace);

    // stir is called when another content of a VO, or its absence, is in force: for who holds what it allowed
    // before.
    void on_change(std::function<void()> stir) { stir_ = std::move(stir); }

    // Makes visible what was taken and removed, in the accounts file and sshd's block, then calls done. Calls
    // while one is under way are joined.
    void publish(AccountsPublication::Done done) { publication_.publish(std::move(done)); }
    AccountsPublication& publication() { return publication_; }
    // The accounts of one member alone, for the layer of a job.
    AccountsSnapshot make_snapshot(const TrustedVo& vo, const Member& member) const {
        return publication_.make_snapshot(vo, member);
    }

  private:
    struct Task;  // one take() under way
    Outcome<void> open_archived(const ArchivedVo& one);
    UpdateRequest make_request(UpdateTerms terms) const;
    void start_next();
    void go_on(const std::shared_ptr<Task>& task);
    void end_task(const std::shared_ptr<Task>& task, Outcome<TakenBundle> outcome);

    Outcome<void> check_base(const BundleUpdate& update) const;
    Outcome<void> check_newer(const TrustedVo& next);
    Outcome<void> begin(Task& task);
    // The next slice of uids; with the last one all is stored. true: done.
    Outcome<bool> advance(Task& task);
    Outcome<void> record_slice(Task& task);
    Outcome<void> store(const Task& task);
    Outcome<TakenBundle> finish(Task& task);

    EventLoop& loop_;
    Database& database_;
    UidLedger& ledger_;
    const NodeConfig& config_;
    BundleArchive archive_;
    AccountsPublication::Vos vos_;
    PinnedVos left_out_;                       // pinned, but not open
    std::deque<std::shared_ptr<Task>> tasks_;  // the first is under way while busy_
    bool busy_ = false;
    std::chrono::seconds grace_{0};
    EventSource on_next_;
    std::function<void()> stir_ = [] {};
    AccountsPublication publication_;
    Background background_;  // last: it ends first
};

}  // namespace xos

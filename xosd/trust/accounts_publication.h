// What everybody on the node sees of the followed VOs: the accounts file and sshd's block.
//
// Owns: the accounts file, through its writer or editor, and the order of their work. Process: xosd. Trusts:
// the VOs that it is told of. What is seen is always made from what is stored: at a start, and where a change
// finds no room, the file is made anew, in a child. Else a change is made in place, at once; only its copy
// for the next boot is written in a thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/event_loop.h"
#include "libxos/names.h"
#include "xosd/identity/accounts_editor.h"
#include "xosd/node_config.h"
#include "xosd/operation_watch.h"
#include "xosd/trust/background.h"
#include "xosd/trust/bundle_difference.h"
#include "xosd/trust/trusted_vo.h"

namespace xos {

struct AccountsPaths {
    std::string run = kAccountsFile, boot = kAccountsBootFile;
};

class AccountsPublication {
  public:
    using Done = std::function<void(Outcome<void>)>;
    using Vos = std::map<std::string, std::shared_ptr<TrustedVo>, std::less<>>;
    // uids that have a session or a job.
    using Active = std::function<std::set<uint32_t>()>;

    // All outlive it.
    AccountsPublication(EventLoop& loop, const NodeConfig& config, const Vos& vos, AccountsPaths paths = {})
        : config_(config), vos_(vos), paths_(std::move(paths)), operations_(loop), disk_(loop) {}

    // What publish() has to do. The second: vo is one of the VOs, and this is how it differs from before.
    void note_all();
    void note(const TrustedVo& vo, const BundleDifference& difference);

    // Makes visible what was noted, then calls done. Calls while one is under way are joined.
    void publish(Done done);

    // Who is shown where the owner has said `enumerate: active`; call stir() for each that changes.
    void set_active(Active active) { active_ = std::move(active); }
    void stir(uint32_t uid);

    [[nodiscard]] AccountsSnapshot make_snapshot() const;
    // The accounts of one member alone, for the layer of a job.
    [[nodiscard]] AccountsSnapshot make_snapshot(const TrustedVo& vo, const Member& member) const;

  private:
    [[nodiscard]] AccountEntry make_entry(const TrustedVo& vo, const Member& member,
                                          const std::set<uint32_t>& active) const;
    [[nodiscard]] std::set<uint32_t> find_active() const;
    void start();
    [[nodiscard]] bool change_in_place();
    void replace_whole();
    Outcome<std::string> write_whole(const std::vector<std::string>& names, pid_t daemon) const;
    void finish(const Outcome<void>& outcome);

    const NodeConfig& config_;
    const Vos& vos_;
    AccountsPaths paths_;
    Active active_;
    std::unique_ptr<AccountsEditor> editor_;  // null while the file is replaced, or cannot be changed
    bool whole_ = true;                       // changes_ is not all that is to be done
    std::vector<AccountsChange> changes_;
    std::set<uint32_t> stirred_;  // while there was no editor
    bool busy_ = false;
    std::vector<Done> waiting_, current_;
    OperationSet operations_;
    Background disk_;
};

}  // namespace xos

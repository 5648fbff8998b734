// xosd as one object: everything it owns, in the order it is made.
//
// Owns: the parts of the daemon and their wiring. Process: xosd, root, single-threaded.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "common/event_loop.h"
#include "common/sqlite.h"
#include "xosd/account/account_service.h"
#include "xosd/audit/audit_log.h"
#include "xosd/control/control_server.h"
#include "xosd/fetcher/fetch_client.h"
#include "xosd/identity/uid_ledger.h"
#include "xosd/job/job_service.h"
#include "xosd/node_config.h"
#include "xosd/session/delegation_service.h"
#include "xosd/session/login_service.h"
#include "xosd/session/session_store.h"
#include "xosd/session/session_supervisor.h"
#include "xosd/shim/pam_server.h"
#include "xosd/tracking/container_service.h"
#include "xosd/trust/bundle_follower.h"
#include "xosd/trust/trust_store.h"
#include "xosd/verifier/verifier_client.h"

namespace xos {

class Daemon {
  public:
    struct Options {
        std::string config_path;
    };

    // Owns nothing yet: start() makes the whole.
    Daemon(EventLoop& l, Options o) : loop(l), options(std::move(o)) {}
    // Everything loaded and listening; what is visible outside follows what is stored.
    static Outcome<std::unique_ptr<Daemon>> start(EventLoop& loop, Options options);

    // Reads the configuration again. A bad file changes nothing.
    // done is called when it is in force: in the accounts file and sshd's block, too.
    void reload(AccountsPublication::Done done);
    // The cgroups that jobs and sessions are bound to.
    std::vector<BoundCgroup> bound_by_others() const;

    EventLoop& loop;
    Options options;
    NodeConfig config;
    // in the order of their making: each may point to those above it
    std::unique_ptr<Database> database;
    std::unique_ptr<UidLedger> ledger;
    std::unique_ptr<TrustStore> trust;
    std::unique_ptr<FetchClient> fetcher;
    std::unique_ptr<BundleFollower> follower;
    std::unique_ptr<SessionStore> sessions;
    std::unique_ptr<VerifierClient> verifier;
    std::unique_ptr<DelegationService> delegations;
    std::unique_ptr<JobService> jobs;
    std::unique_ptr<AuditLog> audit;
    std::unique_ptr<SessionSupervisor> supervisor;
    std::unique_ptr<ContainerService> containers;
    std::unique_ptr<LoginService> logins;
    std::unique_ptr<AccountService> accounts;
    std::unique_ptr<PamServer> pam;
    std::unique_ptr<ControlServer> control;

  private:
    Outcome<void> load();
    Outcome<void> listen();
    void start_logins();
    Outcome<void> start_containers();
    void reopen_later(std::chrono::seconds pause);

    EventSource on_reopen;
};

}  // namespace xos

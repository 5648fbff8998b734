// What xosd answers to sshd and PAM: keys, accounts, sessions.
//
// Owns: the flow of a login through verifier, check, home and session record. Process: xosd.
// Trusts: the verifier's result; the trust store; the caller of everything but answer_keys is root
// (pam_server.h). Every decision is one audit record with its reason; every refusal leaves nothing behind.
#pragma once

#include <map>
#include <vector>

#include "common/event_loop.h"
#include "xosd/audit/audit_log.h"
#include "xosd/node_config.h"
#include "xosd/operation_watch.h"
#include "xosd/session/delegation_service.h"
#include "xosd/session/login_check.h"
#include "xosd/session/refused_connections.h"
#include "xosd/session/session_source.h"
#include "xosd/session/session_store.h"
#include "xosd/session/session_supervisor.h"
#include "xosd/session/verdict_cache.h"
#include "xosd/shim/pam_server.h"
#include "xosd/trust/trust_store.h"
#include "xosd/verifier/verifier_client.h"

namespace xos {

class LoginService : public PamHandler {
  public:
    // All are the daemon's and outlive the service.
    struct Parts {
        EventLoop& loop;
        const NodeConfig& config;
        const TrustStore& trust;
        SessionStore& sessions;
        SessionSupervisor& supervisor;
        VerifierClient& verifier;
        AuditLog& audit;
        const DelegationService* delegations = nullptr;  // none: nothing is delegated here
    };
    explicit LoginService(Parts parts) : parts_(parts), operations_(parts.loop), refused_(parts.loop) {}

    void answer_keys(const KeysQuery& query, std::function<void(const KeysReply&)> reply) override;
    void answer_account(const AccountQuery& query, std::function<void(const AccountReply&)> reply) override;
    void answer_authenticate(const AuthenticateQuery& query, PamCaller caller,
                             std::function<void(const AuthenticateReply&)> reply) override;
    void open_session(const OpenSession& query, PamCaller caller,
                      std::function<void(const SessionReply&)> reply) override;
    void note_keys(const NoteKeys& keys, std::function<void(const NoteReply&)> reply) override;
    void close_session(const CloseSession& query, std::function<void(const CloseReply&)> reply) override;

  private:
    struct Opening;
    using Checked = std::function<void(Outcome<LoginGrant>, const VerifiedCredential*)>;
    struct Asker {  // of a verdict that the verifier has not given yet
        std::string login;
        uint32_t uid;
        Checked done;
    };
    struct Holder {  // who holds a login name here
        const TrustedVo* vo;
        const Member* member;
    };

    Outcome<Holder> find_holder(std::string_view login) const;
    // Verifies the certificate in key for login (sshd holds uid for it), then check_login().
    void check_key(std::string login, uint32_t uid, std::string key, Checked done);
    void verified(const std::string& login, uint32_t uid, const VerifiedCredential& credential,
                  const Checked& done) const;
    Outcome<void> check_room(const std::string& login, const LoginGrant& grant) const;
    // The credential that a session of this source has, where it needs one that is here already.
    Outcome<SessionCredential> find_delegated(uint32_t uid) const;
    Outcome<SessionCredential> find_of_session(const Holder& holder, uint32_t uid) const;
    Outcome<LoginGrant> check_action(const std::string& login, const Holder& holder, Action action) const;

    // session_opening.cc
    void open_by_key(const std::shared_ptr<Opening>& opening, std::string key);
    Outcome<void> open_by_source(Opening& opening);
    void refuse_session(Opening& opening, const Failure& failed);
    void make_home_then_finish(const std::shared_ptr<Opening>& opening);
    void finish(Opening& opening);
    Outcome<uint64_t> record(Opening& opening);
    static void reply_granted(const Opening& opening, uint64_t id);

    Parts parts_;
    OperationSet operations_;
    VerdictCache verdicts_;
    std::map<std::string, std::vector<Asker>> asking_;  // by digest
    Authentications authentications_;
    RefusedConnections refused_;
    // The root of the homes, once it proved to be on a local disk: whether a home is there is then asked
    // without a child. Empty: it is not known.
    std::string local_homes_;
};

}  // namespace xos

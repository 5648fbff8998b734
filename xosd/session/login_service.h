// What xosd answers to sshd and PAM: keys, accounts, sessions.
//
// Owns: the flow of a login through verifier, check, home and session record. Process: xosd.
// Trusts: the verifier's result; the trust store; the caller of open_session is root (pam_server.h).
// Every decision is one line in the log with its reason; every refusal leaves nothing behind.
#pragma once

#include "common/event_loop.h"
#include "xosd/node_config.h"
#include "xosd/operation_watch.h"
#include "xosd/session/login_check.h"
#include "xosd/session/session_store.h"
#include "xosd/shim/pam_server.h"
#include "xosd/trust/trust_store.h"
#include "xosd/verifier/verifier_client.h"

namespace xos {

class LoginService : public PamHandler {
  public:
    // All are the daemon's and outlive the service.
    LoginService(EventLoop& loop, const NodeConfig& config, const TrustStore& trust, SessionStore& sessions,
                 VerifierClient& verifier)
        : config_(config), trust_(trust), sessions_(sessions), verifier_(verifier), operations_(loop) {}

    void answer_keys(const KeysQuery& query, std::function<void(const KeysReply&)> reply) override;
    void answer_account(const AccountQuery& query, std::function<void(const AccountReply&)> reply) override;
    void open_session(const OpenSession& query, PamCaller caller,
                      std::function<void(const SessionReply&)> reply) override;
    void close_session(const CloseSession& query, std::function<void(const CloseReply&)> reply) override;

  private:
    struct Opening;
    using Checked = std::function<void(Outcome<LoginGrant>, const VerifiedCredential*)>;

    // Verifies the certificate in key for login (sshd holds uid for it), then check_login().
    void check_key(std::string login, uint32_t uid, std::string key, Checked done);
    // The decision for a session without a credential: su from root.
    Outcome<LoginGrant> check_without_credential(const std::string& login) const;
    void make_home_then_finish(std::shared_ptr<Opening> opening);
    void finish(Opening& opening);

    const NodeConfig& config_;
    const TrustStore& trust_;
    SessionStore& sessions_;
    VerifierClient& verifier_;
    OperationSet operations_;
};

}  // namespace xos

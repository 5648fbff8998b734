// Delegation: a member lets this node act as the member for some hours, beyond the session.
//
// Owns: the flow of a delegation, and whether a delegated credential still holds. Process: xosd.
// Trusts: the verifier's result; the kernel's word on a caller's uid; a signature once it is checked. Nothing
// else that a caller sends.
//
// xosd makes the key and drafts its certificate (common/credential/proxy.h); `xos credential delegate` in the
// member's session has the draft signed by the ssh agent that was forwarded there, and brings the signature.
// So xosd never talks to an agent, which may lie, hang or belong to somebody else, and the key stays here.
// The agent's certificate goes through the verifier and the same check as at a login.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/credential/proxy.h"
#include "common/event_loop.h"
#include "xosd/node_config.h"
#include "xosd/session/delegation_store.h"
#include "xosd/trust/trust_store.h"
#include "xosd/verifier/verifier_client.h"

namespace xos {

inline constexpr std::chrono::seconds kDelegationDeadline{60};  // for the signature

class DelegationService {
  public:
    using OnDraft = std::function<void(Outcome<ProxyDraft>)>;

    // All are the daemon's and outlive the service. Reads the store; ends what has ended meanwhile.
    static Outcome<std::unique_ptr<DelegationService>> start(EventLoop& loop, Database& database,
                                                             const NodeConfig& config,
                                                             const TrustStore& trust,
                                                             VerifierClient& verifier);

    // A draft for the member uid, whose agent holds ssh_key ("TYPE BASE64", a certificate). denied: not the
    // member's own sound credential, or policy does not grant forward-agent.
    void begin(uint32_t uid, std::string ssh_key, std::chrono::seconds lifetime, OnDraft done);
    // The signature over the draft with that serial, within kDelegationDeadline. One try: a wrong signature
    // ends the draft.
    Outcome<DelegatedCredential> complete(uint32_t uid, std::string_view serial, std::string_view signature,
                                          std::chrono::sys_seconds now);
    // Whether there was one.
    bool destroy(uint32_t uid, std::string_view reason = "destroyed by its owner");

    // The delegated credential of uid if it holds now, or null.
    const DelegatedCredential* find_valid(uint32_t uid, std::chrono::sys_seconds now) const;
    const DelegationStore& store() const { return store_; }
    // Ends all that hold no longer.
    void sweep(std::chrono::sys_seconds now);

  private:
    struct Pending {
        ProxyDraft draft;
        VerifiedCredential parent;
        SigningKey key;
        std::chrono::steady_clock::time_point deadline;
    };

    DelegationService(EventLoop& loop, Database& database, const NodeConfig& config, const TrustStore& trust,
                      VerifierClient& verifier)
        : loop_(loop), store_(database), config_(config), trust_(trust), verifier_(verifier) {}
    Outcome<const Member*> check_member_of(uint32_t uid, std::chrono::sys_seconds now) const;
    Outcome<ProxyDraft> draft(uint32_t uid, const VerifiedCredential& credential,
                              std::chrono::seconds lifetime);
    std::optional<std::string> why_ended(const DelegatedCredential& delegated,
                                         std::chrono::sys_seconds now) const;
    void sweep_again();

    EventLoop& loop_;
    DelegationStore store_;
    const NodeConfig& config_;
    const TrustStore& trust_;
    VerifierClient& verifier_;
    std::map<uint32_t, Pending> pending_;
    EventSource timer_;
};

}  // namespace xos

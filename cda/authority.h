// The VO's authority: what a manager may do, as functions. The commands and, later, the network call these.
//
// Owns: the rules of a VO's life, its membership and the issuing of credentials; state is in the Registry,
// private keys are in the KeyDirectory. Process: xos-cda, unprivileged. Trusts: its caller to be a manager;
// every argument is checked all the same. Time is handed in.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cda/key_directory.h"
#include "cda/tls_identity.h"
#include "cda/token_issuer.h"
#include "cda/vo_policy.h"
#include "cda/vo_registry.h"
#include "common/credential/xos_cert.h"
#include "common/vo/bundle_delta.h"

namespace xos {

struct VoOptions {
    std::optional<uint32_t> uid_base;  // nothing: a free block of this authority
    std::chrono::days lifetime{365};   // 1 day .. 20 years
};

struct VoSummary {
    VoIdentity identity;
    std::string fingerprint;  // of the VO key: what node owners pin
    uint64_t serial = 0;      // of the content
    size_t members = 0;
};

// A VO and its content of now.
struct VoContent {
    VoIdentity identity;
    Bundle bundle;  // issued when it was read
};

class Authority {
  public:
    Authority(Registry& registry, KeyDirectory keys)
        : registry_(registry), records_(registry), keys_(std::move(keys)) {}

    Outcome<VoSummary> create_vo(std::string_view name, const VoOptions& options,
                                 std::chrono::sys_seconds now);
    Outcome<VoSummary> show_vo(std::string_view name);
    Outcome<std::vector<std::string>> list_vos() { return records_.list_vos(); }
    // The bundle file, freshly signed, valid for the VO's bundle_lifetime from now.
    Outcome<std::string> export_bundle(std::string_view name, std::chrono::sys_seconds now);
    // What changed since the content serial since, likewise; the whole bundle where that is not known any more.
    Outcome<std::string> export_delta(std::string_view name, uint64_t since, std::chrono::sys_seconds now);
    Outcome<void> set_policy(std::string_view vo, std::string_view text);

    // The parts of these, for who keeps what was read. The record and serial of now; Errc::denied where the VO has
    // ended.
    Outcome<std::pair<VoIdentity, uint64_t>> read_state(std::string_view name, std::chrono::sys_seconds now);
    Outcome<VoContent> read_content(const VoIdentity& identity, std::chrono::sys_seconds now);
    // All that changed since; dates, digest and policy's form are the caller's. Errc::not_found: read the whole.
    Outcome<BundleDelta> read_delta(const VoIdentity& identity, uint64_t since);
    Outcome<std::string> seal(const VoIdentity& identity, const Bundle& bundle);
    Outcome<std::string> seal(const VoIdentity& identity, const BundleDelta& delta);

    // login is user1@physics. Groups are made at first use. A removed name that is added again is another
    // person: new id, new number.
    Outcome<Member> add_member(std::string_view login, std::vector<std::string> groups,
                               std::vector<std::string> roles);
    Outcome<void> remove_member(std::string_view login);
    Outcome<void> set_suspended(std::string_view login, bool suspended);
    Outcome<std::vector<Member>> list_members(std::string_view vo);

    // The certificate chain (PEM) for the key in a PKCS#10 PEM request.
    Outcome<IssuedCredential> issue(std::string_view login, std::string_view request_pem,
                                    std::chrono::seconds lifetime, std::chrono::sys_seconds now);
    // serial: lower-case hexadecimal, as `xos whoami` shows it. The name of whom it belonged to.
    Outcome<std::string> revoke(std::string_view serial);

    // By what the authority is known on the network; made at the first call.
    Outcome<TlsIdentity> tls_identity(std::chrono::sys_seconds now) const;
    // Says in the VO's signed record that this authority serves it, at url (is_https_url()). Answers the pin.
    Outcome<std::string> serve_vo(std::string_view vo, std::string_view url, std::chrono::sys_seconds now);
    // A one-time code (cda/enrolment.h) with which the member enrols; an earlier one is void.
    Outcome<std::string> invite(std::string_view login, std::chrono::seconds lifetime,
                                std::chrono::sys_seconds now);
    Registry& registry() const { return registry_; }

    // Nothing where there is no such member; user is the name without @vo.
    Outcome<std::optional<Member>> find_member(std::string_view vo, std::string_view user);

    // Issuers of JSON web tokens (cda/token_exchange.h). Whether the issuer is new; a known one is replaced.
    Outcome<bool> add_issuer(std::string_view vo, const TokenIssuer& issuer);
    Outcome<void> remove_issuer(std::string_view vo, std::string_view url);
    Outcome<std::vector<TokenIssuer>> list_issuers(std::string_view vo);
    Outcome<std::optional<TokenIssuer>> find_issuer(std::string_view vo, std::string_view url);
    // Values of a claim with login names, bound to the members who have these names now.
    Outcome<std::vector<ClaimMapping>> bind_mappings(
        std::string_view vo, const std::vector<std::pair<std::string, std::string>>& wanted);

  private:
    Outcome<uint32_t> choose_uid_base(std::string_view name);
    Outcome<Bundle> read_bundle(const VoIdentity& identity, std::chrono::sys_seconds now);
    Outcome<BundleDelta> try_read_delta(const VoIdentity& identity, uint64_t since);
    Outcome<void> try_set_policy(std::string_view vo, const std::string& policy);
    Outcome<Member> try_add_member(std::string_view user, std::string_view vo, const Member& wanted);
    Outcome<void> try_remove_member(std::string_view user, std::string_view vo);
    Outcome<void> try_set_suspended(std::string_view user, std::string_view vo, bool suspended);

    Registry& registry_;
    VoRegistry records_;
    KeyDirectory keys_;
};

// Runs attempt again where somebody else changed the records in between.
template <typename Attempt>
auto repeat_on_conflict(Attempt attempt) {
    constexpr int kAttempts = 32;
    auto outcome = attempt();
    for (int i = 1; i < kAttempts && !outcome && outcome.error().code == Errc::conflict; ++i)
        outcome = attempt();
    return outcome;
}

}  // namespace xos

// The VO's authority: what a manager may do, as functions. The commands and, later, the network call these.
//
// Owns: the rules of a VO's life, its membership and the issuing of credentials; state is in the Registry,
// private keys are in the KeyDirectory. Process: xos-cda, unprivileged. Trusts: its caller to be a manager;
// every argument is checked all the same. Time is handed in.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cda/key_directory.h"
#include "cda/member_import.h"
#include "cda/tls_identity.h"
#include "cda/token_issuer.h"
#include "cda/vo_policy.h"
#include "cda/vo_registry.h"
#include "cda/voms_content.h"
#include "common/credential/xos_cert.h"
#include "common/vo/bundle_delta.h"
#include "common/vo/node_request.h"

namespace xos {

struct VoOptions {
    std::optional<uint32_t> uid_base;  // nothing: a free block of this authority
    std::chrono::days lifetime{365};   // 1 day .. 20 years
    // Where the VO key goes if it is not to be kept here; called before anything else is. Nothing: it is
    // kept.
    std::function<Outcome<void>(const SigningKey&)> keep_vo_key = nullptr;
};

// What may be changed in the record of a VO; absent: as it was. Empty: none any more.
struct VoSettings {
    std::optional<std::string> authority = std::nullopt, authority_pin = std::nullopt;
    std::optional<std::vector<std::string>> mirrors = std::nullopt;
    std::optional<std::chrono::seconds> bundle_lifetime = std::nullopt;
};

struct VoSummary {
    VoIdentity identity;
    std::string fingerprint;  // of the VO key: what node owners pin
    uint64_t serial = 0;      // of the content
    size_t members = 0;
    bool vo_key_is_here = true;
};

// What to put into a member's record and what to take out; first out, then in.
struct MemberChange {
    std::vector<std::string> add_groups, drop_groups, add_roles, drop_roles;
    std::vector<GridIdentity> add_identities, drop_identities;

    bool operator==(const MemberChange&) const = default;
};

struct MemberSummary {
    std::string vo;
    Member member;
    uint32_t uid = 0;  // where the VO has the block of uids that it proposes
};

struct GroupSummary {
    Group group;
    size_t members = 0;
};

struct ImportSummary {
    size_t added = 0, changed = 0, present = 0;  // members
};

// Of the VOMS service that speaks for a VO; the texts are files in PEM or DER.
struct VomsFiles {
    std::string name;                           // of the VO there
    std::vector<std::string> anchors, servers;  // VomsTrust says what they are
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

    // What changes the VO's signed record needs the VO key: vo_key, or the one that is kept here where it is
    // null. A later (or earlier) end, and a certificate of the same CA until then.
    Outcome<VoSummary> renew_vo(std::string_view name, std::chrono::days lifetime, const SigningKey* vo_key,
                                std::chrono::sys_seconds now);
    // For good: a last bundle without members; every later change of this VO is denied.
    Outcome<void> dissolve_vo(std::string_view name, const SigningKey* vo_key);
    Outcome<VoSummary> set_vo(std::string_view name, const VoSettings& settings, const SigningKey* vo_key);
    // Hands the VO key to keep, and forgets it once that has worked.
    Outcome<void> detach_vo_key(std::string_view name,
                                const std::function<Outcome<void>(const SigningKey&)>& keep);

    // The bundle file, freshly signed, valid for the VO's bundle_lifetime from now.
    Outcome<std::string> export_bundle(std::string_view name, std::chrono::sys_seconds now);
    // What changed since the content serial since, likewise; the whole bundle where that is not known any
    // more.
    Outcome<std::string> export_delta(std::string_view name, uint64_t since, std::chrono::sys_seconds now);
    Outcome<void> set_policy(std::string_view vo, std::string_view text);

    // The parts of these, for who keeps what was read. The record and serial of now; Errc::denied where the
    // VO has ended.
    Outcome<std::pair<VoIdentity, uint64_t>> read_state(std::string_view name, std::chrono::sys_seconds now);
    Outcome<VoContent> read_content(const VoIdentity& identity, std::chrono::sys_seconds now);
    // All that changed since; dates, digest and policy's form are the caller's. Errc::not_found: read the
    // whole.
    Outcome<BundleDelta> read_delta(const VoIdentity& identity, uint64_t since);
    Outcome<std::string> seal(const VoIdentity& identity, const Bundle& bundle);
    Outcome<std::string> seal(const VoIdentity& identity, const BundleDelta& delta);

    // login is user1@physics. Groups are made at first use. A removed name that is added again is another
    // person: new id, new number.
    Outcome<Member> add_member(std::string_view login, std::vector<std::string> groups,
                               std::vector<std::string> roles);
    Outcome<void> remove_member(std::string_view login);
    Outcome<void> set_suspended(std::string_view login, bool suspended);
    // What is dropped must be there, what is added may be; an identity belongs to one member of the VO.
    Outcome<Member> change_member(std::string_view login, const MemberChange& change);
    Outcome<MemberSummary> show_member(std::string_view login);
    Outcome<std::vector<Member>> list_members(std::string_view vo);
    Outcome<std::vector<GroupSummary>> list_groups(std::string_view vo);
    // Admits those who are no members and gives members what the rows say and they lack; takes nothing away.
    // Nothing is done where any row is in conflict with the members there are. Many rows take several
    // commits: after a failure in between, a second run does the rest.
    Outcome<ImportSummary> import_members(std::string_view vo, const std::vector<ImportRow>& rows,
                                          bool dry_run);

    // The certificate chain (PEM) for the key in a PKCS#10 PEM request.
    Outcome<IssuedCredential> issue(std::string_view login, std::string_view request_pem,
                                    std::chrono::seconds lifetime, std::chrono::sys_seconds now);
    // serial: lower-case hexadecimal, as `xos whoami` shows it. The name of whom it belonged to.
    Outcome<std::string> revoke(std::string_view serial);
    // All credentials of the member that were issued until now; one issued from now on is good.
    Outcome<Member> revoke_member(std::string_view login, std::chrono::sys_seconds now);
    // A certificate of a grid, for good: its member may have others.
    Outcome<void> revoke_identity(std::string_view vo, const GridIdentity& identity);

    // Certifies the node whose request (common/vo/node_request.h) this is, and the SSH host key that it
    // names. A node that asks again with its key gets new certificates and keeps its record.
    Outcome<NodeAnswer> join_node(std::string_view vo, std::string_view request,
                                  std::chrono::sys_seconds now);
    // Its certificates stay valid until they end; members' nodes know it no more.
    Outcome<void> leave_node(std::string_view vo, std::string_view node);
    Outcome<void> set_draining(std::string_view vo, std::string_view node, bool draining);
    Outcome<NodeRecord> show_node(std::string_view vo, std::string_view node);
    Outcome<std::vector<NodeRecord>> list_nodes(std::string_view vo);

    // Whom nodes believe when a member shows a VOMS proxy; replaces what was set before. The revocation lists
    // of CAs that are none of the anchors any more go.
    Outcome<void> set_voms(std::string_view vo, const VomsFiles& files);
    // Revocation lists (PEM or DER) of the anchors; each replaces the one of its CA, if it is not older; at
    // most kCrlsMax are kept. How many were new.
    Outcome<size_t> add_crls(std::string_view vo, const std::vector<std::string>& texts);

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
    Outcome<Member> try_add_member(std::string_view user, std::string_view vo, const Member& wanted);
    // Changes the record of a member; edit may run several times.
    Outcome<Member> edit_member(std::string_view login,
                                const std::function<Outcome<void>(const VoRecord&, Member&)>& edit);
    Outcome<void> check_identities_free(const VoRecord& vo, const Member& member);
    // Commits what make answers to the content of a VO that is not dissolved; nothing where it answers none.
    // It reads what it goes by, and may run several times.
    Outcome<void> change_content(
        std::string_view vo,
        const std::function<Outcome<std::vector<RegistryChange>>(const VoRecord&)>& make);
    // Changes and signs the VO's record; edit may run several times.
    Outcome<void> change_record(std::string_view vo, const SigningKey* vo_key,
                                const std::function<Outcome<void>(VoRecord&)>& edit);
    Outcome<Kept<NodeRecord>> find_node(const VoRecord& vo, const NodeRequest& request);
    Outcome<std::vector<RegistryChange>> find_lost_crls(std::string_view vo,
                                                        const std::vector<Bytes>& anchors);
    Outcome<std::vector<RegistryChange>> find_new_crls(std::string_view vo, const std::vector<GridCrl>& crls);
    Outcome<Bundle> read_last_bundle(const VoIdentity& identity, std::chrono::sys_seconds now);
    // read_vo(), but denied where the VO is dissolved.
    Outcome<VoIdentity> read_living_vo(std::string_view vo);

    Registry& registry_;
    VoRegistry records_;
    KeyDirectory keys_;
};

// Errc::invalid where a VO cannot live so long or short.
Outcome<void> check_lifetime(std::chrono::days lifetime);

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

// How the authority's knowledge lies in the Registry: keys and JSON forms, read and checked.
//
//     vos/NAME                  the VO's public key and its signed record
//     vo/NAME/head              serial of the content; the next numbers, which only grow
//     vo/NAME/member/USER       vo/NAME/group/GROUP       vo/NAME/policy
//     vo/NAME/revoked/SERIAL    until when it matters     issued/SERIAL       to whom
//     vo/NAME/revoked-identity/DIGEST                     vo/NAME/voms
//     vo/NAME/crl/DIGEST        of its issuer             vo/NAME/node/NAME
//     vo/NAME/issuer/URL        whose tokens are exchanged here (cda/token_issuer.h)
//     vo/NAME/change/SERIAL     which keys below vo/NAME/ the commit changed that led to this content serial
//
// Every change of a VO's content is one commit that also moves its head on: two writers cannot give one
// number twice, and a content serial names one content. Process: xos-cda. Trusts: the registry's file for
// secrecy, not for form.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/registry/registry.h"
#include "common/vo/bundle.h"

namespace xos {

template <typename T>
struct Kept {
    T value{};
    uint64_t revision = 0;  // of its key; 0: not there yet
};

struct VoIdentity {
    VoRecord record;
    std::string statement;  // record, signed by the VO key
    Ed25519Public vo_key{};
    uint64_t revision = 0;  // of its key; 0: not there yet
};

struct VoHead {
    uint64_t serial = 1;
    uint32_t next_member = 1;
    uint32_t next_group = 1;
};

struct IssuedRecord {
    std::string vo, login, user_id, fingerprint;
    std::chrono::sys_seconds not_after;
};

// How many content serials back a difference can be made.
inline constexpr uint64_t kChangesKept = 4096;

class VoRegistry {
  public:
    explicit VoRegistry(Registry& registry) : registry_(registry) {}

    Registry& registry() { return registry_; }  // for what lies beside a VO's content

    Outcome<std::vector<std::string>> list_vos();
    // Errc::not_found, with what to do, where there is none.
    Outcome<VoIdentity> read_vo(std::string_view vo);
    // Errc::exists where the name is taken.
    Outcome<void> add_vo(const VoIdentity& identity, std::string_view policy);

    Outcome<Kept<VoHead>> read_head(std::string_view vo);
    Outcome<Kept<Member>> read_member(const VoRecord& vo,
                                      std::string_view user);  // revision 0: no such member
    Outcome<Kept<Group>> read_group(const VoRecord& vo, std::string_view group);  // likewise
    Outcome<std::vector<Member>> list_members(const VoRecord& vo);
    Outcome<std::vector<Group>> list_groups(const VoRecord& vo);
    Outcome<Kept<std::string>> read_policy(std::string_view vo);
    Outcome<std::vector<std::string>> list_revoked(std::string_view vo);
    // Erases revocations of certificates that ended before since, as changes of the content like any other.
    Outcome<void> prune_revoked(std::string_view vo, std::chrono::sys_seconds since);

    // The keys ("member/user1", below vo/NAME/) that changed after the content serial since, up to and
    // including serial, each once. Errc::not_found: the log does not reach back so far.
    Outcome<std::vector<std::string>> list_changes(std::string_view vo, uint64_t since, uint64_t serial);

    // What lies under such a key; nothing: it is gone.
    Outcome<std::optional<std::string>> read_raw(std::string_view vo, std::string_view key);

    Outcome<void> add_issued(std::string_view serial, const IssuedRecord& record);
    Outcome<IssuedRecord> read_issued(std::string_view serial);  // Errc::not_found
    // Serials of the VO's credentials that had not ended before since. Reads all that was ever issued.
    Outcome<std::vector<std::string>> list_issued(std::string_view vo, std::chrono::sys_seconds since);
    Outcome<std::vector<GridIdentity>> list_revoked_identities(std::string_view vo);
    Outcome<Kept<VomsTrust>> read_voms(std::string_view vo);  // revision 0: there is none
    Outcome<std::vector<Bytes>> list_crls(std::string_view vo);
    Outcome<Kept<Bytes>> read_crl(std::string_view vo, std::string_view issuer);  // issuer: digest, in text
    Outcome<std::vector<NodeRecord>> list_nodes(std::string_view vo);
    Outcome<Kept<NodeRecord>> read_node(std::string_view vo, std::string_view node);

    // Commits changes together with head, whose serial it moves on, and with the log of what they touch.
    // Errc::conflict: read again and repeat.
    Outcome<void> commit(std::string_view vo, Kept<VoHead> head, std::vector<RegistryChange> changes);

    // The VO's record, signed anew; identity.revision is that of the one it replaces.
    static RegistryChange change_vo(const VoIdentity& identity);
    static RegistryChange change_member(std::string_view vo, const Kept<Member>& member);
    static RegistryChange erase_member(std::string_view vo, const Kept<Member>& member);
    static RegistryChange add_group(std::string_view vo, const Group& group);
    static RegistryChange change_policy(std::string_view vo, const Kept<std::string>& policy);
    static RegistryChange add_revoked(std::string_view vo, std::string_view serial,
                                      std::chrono::sys_seconds not_after);
    static RegistryChange add_revoked_identity(std::string_view vo, const GridIdentity& identity);
    static RegistryChange change_voms(std::string_view vo, const Kept<VomsTrust>& trust);
    static RegistryChange change_crl(std::string_view vo, std::string_view issuer, const Kept<Bytes>& crl);
    static RegistryChange erase_crl(std::string_view vo, std::string_view issuer, const Kept<Bytes>& crl);
    static RegistryChange change_node(std::string_view vo, const Kept<NodeRecord>& node);
    static RegistryChange erase_node(std::string_view vo, const Kept<NodeRecord>& node);

  private:
    Registry& registry_;
};

}  // namespace xos

// What a VO says about itself and its members.
//
// Owns: the record types, their limits, their checks and their JSON form. Pure. Process: programs only.
// Trusts: nothing; a record read from JSON has been checked against every rule below.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/encoding.h"
#include "common/failure.h"
#include "common/json.h"
#include "common/time_text.h"
#include "common/vo/grid_identity.h"
#include "common/vo/node_record.h"
#include "common/vo/voms_trust.h"
#include "libxos/names.h"

namespace xos {

inline constexpr char kMembersGroup[] = "members";  // group number 0: everybody
inline constexpr size_t kPolicyMax = 1024 * 1024;   // bytes of JSON
inline constexpr size_t kPolicyDepth = 12;
inline constexpr uint64_t kSerialMax = (1ull << 53) - 1;  // exact in every JSON reader
inline constexpr size_t kUrlMax = 512;                    // bytes
inline constexpr size_t kMirrorsMax = 8;
inline constexpr size_t kRevokedIdentitiesMax = 100000;

using Ed25519Public = std::array<uint8_t, 32>;

// Signed by the VO key, which nodes pin. Changes seldom.
struct VoRecord {
    std::string name;  // is_vo_name()
    std::string id;    // UUID, lower case; a dissolved and re-created VO is another one
    uint64_t serial = 0;
    std::chrono::sys_seconds not_before, not_after;  // life span of the VO
    uint32_t uid_base = 0;             // proposed; a multiple of block_size within kUidMin..kUidMax
    uint32_t block_size = kBlockSize;  // a power of two, kBlockSize..kBlockSizeMax
    Bytes ca_certificate;              // DER, not looked at here
    Ed25519Public registrar_key{};     // signs the content
    std::chrono::seconds bundle_lifetime{86400};  // 1 minute .. 30 days
    std::string authority;      // is_https_url(): where members enrol and get credentials; may be empty
    std::string authority_pin;  // key_fingerprint() form: SHA-256 of the authority's TLS key (SPKI, DER)
    std::vector<std::string> mirrors;      // is_web_url(): where bundles lie besides the authority
    std::optional<Ed25519Public> host_ca;  // signs the SSH host certificates of the VO's nodes
    bool dissolved = false;                // the VO's last word: nobody is a member any more

    bool operator==(const VoRecord&) const = default;
};

struct Member {
    std::string name;                 // user1; is_user_name()
    uint32_t number = 0;              // 1 .. 3/4 block_size - 1, never reused
    std::string id;                   // UUID, lower case: the person, whatever the name
    std::vector<std::string> groups;  // without "members", in which everybody is
    std::vector<std::string> roles;   // each is_user_name()
    bool suspended = false;
    std::vector<GridIdentity> identities = {};  // under which the person logs in by VOMS proxy
    // Credentials that began before this are revoked; 0: none. Whole seconds since the epoch.
    std::chrono::sys_seconds credentials_from{};

    bool operator==(const Member&) const = default;
};

struct Group {
    std::string name;     // analysis; is_user_name()
    uint32_t number = 0;  // 0 .. 1/4 block_size - 1, never reused; 0 is "members" and nothing else

    bool operator==(const Group&) const = default;
};

// All a node knows of a VO. groups always hold "members".
struct Bundle {
    VoRecord vo;
    uint64_t serial = 0;  // of the content; vo.serial counts by itself
    std::chrono::sys_seconds issued, not_after;
    std::vector<Member> members;
    std::vector<Group> groups;
    std::vector<std::string> revoked_serials;  // certificates' serials, lower-case hex
    std::string policy = "[]";                 // compact JSON; its grammar belongs to common/policy
    std::vector<GridIdentity> revoked_identities = {};
    std::optional<VomsTrust> voms = std::nullopt;
    std::vector<Bytes> crls = {};  // DER, of the anchors of voms; not looked at here
    std::vector<NodeRecord> nodes = {};

    bool operator==(const Bundle&) const = default;
};

// The checks: a message names the record, the field and what was expected.
Outcome<void> check_vo_record(const VoRecord& record);
Outcome<void> check_member(const Member& member, uint32_t block_size);
Outcome<void> check_group(const Group& group, uint32_t block_size);
// Everything: each record, names and numbers unique, groups of members exist, serials of certificates are
// hex.
Outcome<void> check_bundle(const Bundle& bundle);

Json write_vo_record(const VoRecord& record);
Outcome<VoRecord> read_vo_record(const JsonNode& node);
Json write_member(const Member& member);
Outcome<Member> read_member(const JsonNode& node, uint32_t block_size);
Json write_group(const Group& group);
Outcome<Group> read_group(const JsonNode& node, uint32_t block_size);

// The required field key of record: 32 bytes (a public key, a digest) in base64url.
Outcome<std::array<uint8_t, 32>> read_32_bytes(const JsonNode& record, const char* key);

bool is_certificate_serial(std::string_view text);  // 2..40 lower-case hex digits, an even number
// https://HOST[:PORT][/PATH] of printable ASCII without spaces, quotes, backslashes, user names or fragments,
// at most kUrlMax bytes. A web URL may begin with http:// too: what is fetched there is signed.
bool is_https_url(std::string_view text);
bool is_web_url(std::string_view text);

}  // namespace xos

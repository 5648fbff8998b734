// What the two files of a VO, bundle and delta, are made of: the VO record's statement in front, lists of
// records, validity.
//
// Owns: the reading and writing of these parts. Pure apart from OpenSSL. Process: programs only; for
// bundle.cc and bundle_delta.cc. Trusts: the pinned fingerprint; values are checked, records against their
// own rules only.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/credential/signing_key.h"
#include "common/failure.h"
#include "common/json.h"
#include "common/vo/records.h"

namespace xos {

inline constexpr char kVoType[] = "xos-vo+json";
inline constexpr size_t kVoPayloadMax = 2 * kCredentialMax;
inline constexpr size_t kMembersMax = first_group_offset(kBlockSizeMax);
inline constexpr size_t kGroupsMax = kBlockSizeMax / 4;
inline constexpr size_t kRevokedMax = 1 << 20;
inline constexpr size_t kContentDepth = 4 + kPolicyDepth;

// The VO record of a file's root {"vo_key":…, "vo":…}. Errc::invalid: not by the pinned key. what names the
// file.
Outcome<VoRecord> open_vo_part(const JsonNode& root, std::string_view pinned_fingerprint,
                               std::string_view what);
// {FORMAT:1, "vo_key":…, "vo":STATEMENT, PART:JWS of payload}; checks that record is what the statement says
// and names registrar_key.
Outcome<std::string> seal_file(const VoRecord& record, std::string_view vo_statement,
                               std::span<const uint8_t, 32> vo_key, const char* format, const char* part,
                               std::string_view payload, std::string_view type,
                               const SigningKey& registrar_key);

// Errc::denied: at the time now, VO or statement have not begun or are over, the statement by more than
// grace.
Outcome<void> check_validity(const VoRecord& vo, std::chrono::sys_seconds issued,
                             std::chrono::sys_seconds not_after, std::chrono::sys_seconds now,
                             std::chrono::seconds grace);

// The array under key of content, of at most max; empty where there is none.
Outcome<std::vector<Member>> read_members(const JsonNode& content, const char* key, uint32_t block_size,
                                          size_t max);
Outcome<std::vector<Group>> read_groups(const JsonNode& content, const char* key, uint32_t block_size,
                                        size_t max);
Outcome<std::vector<NodeRecord>> read_nodes(const JsonNode& content, const char* key, size_t max);
// Texts of at most max_bytes each.
Outcome<std::vector<std::string>> read_texts(const JsonNode& content, const char* key, size_t max,
                                             size_t max_bytes);
Outcome<std::string> read_policy(const JsonNode& content);
// Whole seconds since the epoch, to the end of the year 9999.
Outcome<std::chrono::sys_seconds> read_seconds(const JsonNode& content, const char* key);
Json write_seconds(std::chrono::sys_seconds time);

template <typename Record>
Json write_records(const std::vector<Record>& records, Json (*write)(const Record&)) {
    JsonArray array;
    for (const Record& record : records) array.add(write(record));
    return array.build();
}
// policy is compact JSON.
Outcome<Json> write_policy(const std::string& policy);

}  // namespace xos

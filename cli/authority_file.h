// The authority of a VO as a desk knows it: ~/.config/xos/<vo>/authority.json and record.json.
//
// Owns: both files. Process: the xos command. Trusts: the user's own folder. The record is believed because
// the VO key signed it whose fingerprint authority.json pins; that was checked at enrolment against the
// code's pin.
//
//     authority.json  {"url":…, "pin":SHA-256 of the TLS key, "vo":fingerprint of the VO key}
//     record.json     {"vo_key":base64url, "record":JWS}, as GET /v1/VO answers
#pragma once

#include <optional>
#include <string>

#include "cli/user_folder.h"
#include "common/failure.h"
#include "common/vo/records.h"

namespace xos {

inline constexpr char kAuthorityFile[] = "authority.json";
inline constexpr char kRecordFile[] = "record.json";

struct KnownAuthority {
    std::string url;  // is_https_url()
    std::string pin;
    std::string vo_fingerprint;

    bool operator==(const KnownAuthority&) const = default;
};

struct SignedVoRecord {
    VoRecord record;
    std::string fingerprint;  // of the VO key that signed it
    std::string text;         // as it goes into record.json
};

// The fields vo_key and record of an answer, the signature checked against the key beside it: whether that
// key is the VO's is the caller's to say. vo is the name that it must have.
Outcome<SignedVoRecord> read_signed_record(const JsonNode& node, std::string_view vo);

// not_found where this desk knows no authority of the VO.
Outcome<KnownAuthority> read_authority(const UserFolder& folder);
// The same, but nothing where it knows none.
Outcome<std::optional<KnownAuthority>> find_authority(const UserFolder& folder);
// The record in record.json, checked against the VO key that authority.json pins.
Outcome<SignedVoRecord> read_record(const UserFolder& folder, const KnownAuthority& authority,
                                    std::string_view vo);

// Keeps the record and the authority that it names. denied, and nothing is kept, where this desk knows
// another VO key of that name, or a newer record; where it knows none, whether the key is the VO's is for the
// caller to have said.
Outcome<void> keep_record(const UserFolder& folder, const SignedVoRecord& record);

}  // namespace xos

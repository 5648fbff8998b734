// The bundle file of a VO: all that a node needs to know of it, as two signed statements.
//
// Owns: the file format, its signatures and their validity. Pure apart from OpenSSL. Process: programs only.
// Trusts: the VO key whose fingerprint the caller pins, and nothing else: where a file came from does not
// matter.
//
//     {"xos-bundle":1, "vo_key":base64url, "vo":JWS by the VO key, "content":JWS by the registrar key}
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "common/credential/signing_key.h"
#include "common/failure.h"
#include "common/vo/records.h"
#include "common/vo/signed_record.h"  // key_fingerprint()

namespace xos {

// Difference of clocks that is borne between an authority and a node.
inline constexpr std::chrono::seconds kClockSkew{300};

// Opens a bundle at the time now, up to grace after its end. pinned_fingerprint: of the VO key.
// Errc::invalid: broken, changed or not by that key; Errc::denied: not yet or no longer valid. Whether its
// serials (vo.serial and serial) are older than those seen before is the caller's to check.
Outcome<Bundle> open_bundle(std::string_view bytes, std::string_view pinned_fingerprint,
                            std::chrono::sys_seconds now,
                            std::chrono::seconds grace = std::chrono::seconds{0});

// The VO record as a signed statement (flattened JWS): made where the VO key is, then kept for seal_bundle().
Outcome<std::string> sign_vo_record(const VoRecord& record, const SigningKey& vo_key);
// Reads such a statement back; used by the authority. vo_key is the raw public key that must have signed it.
Outcome<VoRecord> open_vo_record(std::string_view statement, std::span<const uint8_t, 32> vo_key);

// The bytes of a bundle file. bundle.vo must be what vo_statement says. Serial, issued and not_after are the
// caller's.
Outcome<std::string> seal_bundle(const Bundle& bundle, std::string_view vo_statement,
                                 std::span<const uint8_t, 32> vo_key, const SigningKey& registrar_key);

}  // namespace xos

// A signed statement: flattened JWS (RFC 7515) with Ed25519 (RFC 8037).
//
// Owns: {"protected":…,"payload":…,"signature":…}, the protected header {"alg":"EdDSA","kid":…,"typ":…} and
// nothing beside. Process: programs only. Trusts: the one public key that the caller names; nothing in a
// statement chooses its key or algorithm. typ keeps a statement of one sort from passing for another.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/credential/signing_key.h"
#include "common/failure.h"
#include "common/json.h"

namespace xos {

// "SHA256:" and the unpadded base64 of the SHA-256 of the raw public key: 50 characters. Also the kid.
std::string key_fingerprint(std::span<const uint8_t, 32> public_key);
bool is_key_fingerprint(std::string_view text);

// typ is a fixed word such as "xos-vo+json".
Outcome<Json> sign_statement(std::string_view payload, std::string_view typ, const SigningKey& key);
// The payload of a statement that public_key signed as typ; at most max_payload bytes.
Outcome<std::string> open_statement(const JsonNode& statement, std::string_view typ,
                                    std::span<const uint8_t, 32> public_key, size_t max_payload);

// The same for a statement that is large, as JSON text: its payload is not copied before it is verified.
Outcome<std::string> open_statement_text(std::string_view statement, std::string_view typ,
                                         std::span<const uint8_t, 32> public_key, size_t max_payload,
                                         std::string_view what);

}  // namespace xos

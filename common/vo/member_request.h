// What an enrolled member asks of the VO's authority, signed with the enrolled key.
//
// Owns: the signed statement of a request and its JSON form. Pure apart from OpenSSL. Process: the xos
// command (signs), xos-cda (opens). Trusts: the one public key that the caller names. A statement says its
// moment and a random word, so that the authority can refuse one that is old or comes again.
//
//     {"login":"user1@physics", "statement":JWS of {"login":…,"time":seconds,"nonce":…[,"request":PKCS#10
//     PEM]}}
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "common/credential/signing_key.h"
#include "common/failure.h"
#include "common/json.h"
#include "common/vo/bundle.h"  // kClockSkew

namespace xos {

inline constexpr size_t kNonceMax = 64;                 // characters
inline constexpr size_t kRequestPemMax = 8 * 1024;      // bytes; a request for an Ed25519 key has some 300
inline constexpr size_t kMemberRequestMax = 32 * 1024;  // bytes of the whole JSON
inline constexpr size_t kTokenTextMax = 16 * 1024;      // bytes of a JSON web token

enum class MemberAction { credential, leave };

struct MemberRequest {
    std::string login;
    std::chrono::sys_seconds time;
    std::string nonce;        // 16..kNonceMax characters
    std::string request_pem;  // for a credential; empty else
};

// The body to post; the nonce is made here.
Outcome<std::string> sign_member_request(MemberAction action, MemberRequest request, const SigningKey& key);

// What is asked, before anything of it is verified: whose key has to be looked up.
Outcome<std::string> read_asking_login(const JsonNode& body);
// The statement in body, signed by key for this action. Errc::denied: its time differs from now by more than
// kClockSkew; the message says by how much.
Outcome<MemberRequest> open_member_request(const JsonNode& body, MemberAction action,
                                           std::span<const uint8_t, 32> key, std::chrono::sys_seconds now);

}  // namespace xos

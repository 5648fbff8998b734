// What xosd and its verifier say to each other: one request, one answer, each one packet of a SOCK_SEQPACKET
// pair.
//
// Owns: the encoding in both directions and the limits. Pure. Process: xosd and xos-verifier.
// Trusts: nothing. The verifier reads what the network sent; xosd reads what a verifier that was taken over
// may have sent, so every field of an answer is checked against its grammar.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/credential/xos_cert.h"
#include "common/encoding.h"
#include "common/failure.h"

namespace xos {

inline constexpr int kVerifierSocket = 3;                 // where xos-verifier finds its end of the pair
inline constexpr size_t kVerifierPacketMax = 160 * 1024;  // below the smallest usual net.core.wmem_default

struct VerifyRequest {
    std::string ssh_key;   // as sshd writes it: %k, "%t %k" or SSH_AUTH_INFO_0
    Bytes ca_certificate;  // DER, of the VO that the login name claims
    std::string vo;        // that VO
    std::chrono::sys_seconds now;
};

struct NumberedRequest {
    uint64_t id = 0;
    VerifyRequest request;
};

struct NumberedAnswer {
    uint64_t id = 0;
    Outcome<VerifiedCredential> credential;
};

// invalid where the fields are larger than the protocol carries.
Outcome<std::string> encode_request(uint64_t id, const VerifyRequest& request);
Outcome<NumberedRequest> decode_request(std::string_view packet);

std::string encode_answer(uint64_t id, const Outcome<VerifiedCredential>& credential);
// A malformed answer is a Failure of the call; a refused credential is one inside the answer.
Outcome<NumberedAnswer> decode_answer(std::string_view packet);

}  // namespace xos

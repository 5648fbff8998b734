// What xosd and its verifier say to each other over a SOCK_SEQPACKET pair: a request in pieces, an answer in
// one packet.
//
// Owns: the encoding in both directions and the limits. Pure. Process: xosd and xos-verifier.
// Trusts: nothing. The verifier reads what the network sent; xosd reads what a verifier that was taken over
// may have sent, so every field of an answer is checked against its grammar.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/credential/xos_cert.h"
#include "common/encoding.h"
#include "common/failure.h"
#include "common/vo/voms_trust.h"

namespace xos {

inline constexpr int kVerifierSocket = 3;                 // where xos-verifier finds its end of the pair
inline constexpr size_t kVerifierPacketMax = 160 * 1024;  // below the smallest usual net.core.wmem_default
inline constexpr size_t kVerifierPieceMax = 64 * 1024;  // of a request; a packet lies in one piece of memory
// A request: the largest credential, and all that a VO may trust for VOMS (voms_trust.h).
inline constexpr size_t kVerifierRequestMax =
    kVerifierPacketMax + (kVomsAnchorsMax + kVomsServersMax) * kVomsCertificateMax + kCrlsMax * kCrlMax;

// Whom the VO believes beside its own CA.
struct VomsRequest {
    VomsTrust trust;
    std::vector<Bytes> crls;           // DER, of the anchors
    std::chrono::seconds crl_grace{};  // how long beyond its end a list still holds
};

struct VerifyRequest {
    std::string ssh_key;   // as sshd writes it: %k, "%t %k" or SSH_AUTH_INFO_0
    Bytes ca_certificate;  // DER, of the VO that the login name claims
    std::string vo;        // that VO
    std::chrono::sys_seconds now;
    std::optional<VomsRequest> voms = {};  // absent: VOMS proxies are refused
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
Outcome<NumberedRequest> decode_request(std::string_view request);

// The first byte of a piece says whether another follows it; at most kVerifierPieceMax bytes with it.
std::string_view next_piece(std::string_view rest);  // how much of an encoded request the next piece takes
std::string encode_piece(std::string_view part, bool last);
// Adds piece to request; true where it was the last. Errc::invalid: malformed, or the request grows too
// large.
Outcome<bool> take_piece(std::string_view piece, std::string& request);

std::string encode_answer(uint64_t id, const Outcome<VerifiedCredential>& credential);
// A malformed answer is a Failure of the call; a refused credential is one inside the answer.
Outcome<NumberedAnswer> decode_answer(std::string_view packet);

}  // namespace xos

// The request loop inside the sandbox.
//
// Owns: one request in, one answer out. Process: xos-verifier. Trusts: nothing it receives.
#pragma once

#include <functional>

#include "common/failure.h"
#include "xosd/verifier/verifier_protocol.h"

namespace xos {

using CredentialCheck = std::function<Outcome<VerifiedCredential>(const VerifyRequest&)>;

// Answers requests on socket (SOCK_SEQPACKET) until the other end closes it. Uses no descriptor but socket.
// A Failure is one of the socket or of its other end: leave.
Outcome<void> serve_requests(int socket, const CredentialCheck& check);

}  // namespace xos

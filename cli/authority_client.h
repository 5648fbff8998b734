// What the user's desk asks of a VO's authority on the network.
//
// Owns: the requests and the reading of answers. Process: the xos command. Trusts: the pinned authority for
// what it says of itself; a record only with the VO key's signature, a credential only once the caller has
// checked it.
#pragma once

#include <chrono>
#include <string>

#include "cli/authority_file.h"
#include "common/credential/signing_key.h"
#include "common/failure.h"

namespace xos {

// user1@physics:SECRET:PIN, as the manager of the VO hands it out.
struct EnrolmentCode {
    std::string login;
    std::string secret;
    std::string pin;  // in the form of key_fingerprint()
};
Outcome<EnrolmentCode> read_code(std::string_view text);

struct IssuedAnswer {
    std::string chain_pem;
    SignedVoRecord record;
    std::chrono::seconds clock_ahead{0};  // of this machine's clock, against the authority's
};

// All: Errc::unavailable where the authority cannot be reached or cannot answer now; else its refusal, with
// its reason.
Outcome<SignedVoRecord> ask_enrolment(std::string_view url, const EnrolmentCode& code, const SigningKey& key);
Outcome<IssuedAnswer> ask_credential(const KnownAuthority& authority, std::string_view login,
                                     const SigningKey& key);
Outcome<void> ask_leave(const KnownAuthority& authority, std::string_view login, const SigningKey& key);
// The member's name for whom a JSON web token speaks, then a credential for key.
Outcome<std::string> ask_token_login(const KnownAuthority& authority, std::string_view vo,
                                     std::string_view token);
Outcome<IssuedAnswer> ask_token_credential(const KnownAuthority& authority, std::string_view login,
                                           std::string_view token, const SigningKey& key);

}  // namespace xos

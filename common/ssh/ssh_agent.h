// A client of the user's ssh-agent (draft-miller-ssh-agent), for certificates.
//
// Owns: one connection to the agent. Process: the xos command at the user's desk.
// Trusts: the agent with the private key that the user hands it; its answers are bounded and checked.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "common/credential/openssl_ptr.h"
#include "common/failure.h"
#include "libxos/unique_fd.h"

namespace xos {

struct AgentIdentity {
    std::string blob;     // the public key or certificate, in SSH's notation
    std::string comment;  // whatever its owner wrote: not for a terminal as it is
};

class SshAgent {
  public:
    // The agent at socket_path; unavailable where none listens there.
    static Outcome<SshAgent> connect(const std::string& socket_path);
    // The agent that SSH_AUTH_SOCK names; unavailable, with what to do, where there is none.
    static Outcome<SshAgent> connect();

    // At most 1,024 identities.
    Outcome<std::vector<AgentIdentity>> list();
    // Adds the certificate with its private key (32-byte Ed25519 seed and public key); the same certificate
    // added again replaces itself. The agent forgets both after lifetime (1 s or more).
    Outcome<void> add(std::string_view certificate, std::string_view seed, std::string_view public_key,
                      std::string_view comment, std::chrono::seconds lifetime);
    // Likewise for any key that a certificate can hold (ssh_key.h), given whole.
    Outcome<void> add_key(std::string_view certificate, EVP_PKEY* key, std::string_view comment,
                          std::chrono::seconds lifetime);
    // The 64 bytes of an Ed25519 signature over data by the private half of the identity blob, which may be a
    // certificate. denied where the agent or its owner refuses; whether the signature is good is the caller's
    // to check.
    Outcome<std::string> sign(std::string_view blob, std::string_view data);
    // not_found where the agent holds no such identity.
    Outcome<void> remove(std::string_view blob);

  private:
    explicit SshAgent(UniqueFd fd) : fd_(std::move(fd)) {}
    Outcome<std::string> exchange(std::string_view request);
    // fields: what follows the certificate in the message that adds a key of its type; secret.
    Outcome<void> add_fields(std::string_view certificate, std::string_view fields, std::string_view comment,
                             std::chrono::seconds lifetime);

    UniqueFd fd_;
};

}  // namespace xos

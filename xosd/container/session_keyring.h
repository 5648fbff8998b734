// The session keyring of a job.
//
// Owns: making it. Process: the child of xosd that starts or restores a container; what it starts inherits
// it. Trusts: the caller's credential, which is public: the chain holds no private key.
#pragma once

#include <optional>

#include "common/failure.h"
#include "xosd/container/container.h"

namespace xos {

// Joins a new anonymous session keyring, never xosd's own, and puts the credential there: root-owned, its
// possessor may view, read and search it, and it ends with the credential.
Outcome<void> join_session_keyring(const std::optional<JobCredential>& credential);

}  // namespace xos

// The credential of a login session on a node: the key kCredentialKey in the session keyring.
//
// Process: the xos command inside a session. Trusts: a key that root owns, because the node made it after
// verifying the chain; a key of that name which the user made is not believed.
#pragma once

#include <string>

#include "common/failure.h"

namespace xos {

// The PEM chain; not_found outside a VO user's session, denied where the credential has expired or been
// revoked.
Outcome<std::string> read_session_credential();

}  // namespace xos

// A credential into use at the desk: checked, wrapped for ssh, into the agent, kept in the user's folder.
//
// Owns: the order of these steps. Process: the xos command. Trusts: nothing in a chain; the private key is
// the user's own. What a check at the desk finds are mistakes: whom to believe is for a node to say.
#pragma once

#include <string>

#include "cli/credential_view.h"
#include "cli/user_folder.h"
#include "common/failure.h"

namespace xos {

// <user>.pem in the VO's folder.
std::string credential_name(const LoginName& name);

// Loads the chain of login for key; keep: also as the chain of the next login.
Outcome<CredentialView> load_credential(const UserFolder& folder, const std::string& login,
                                        const SigningKey& key, const std::string& chain_pem, bool keep);
// What the user is told then, with the line for ~/.ssh/config where it is missing.
void tell_login(const std::string& login, const CredentialView& view);

}  // namespace xos

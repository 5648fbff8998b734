// A VOMS proxy as it is shown to people: read, not verified.
//
// Owns: its form on a terminal and in JSON. Process: the xos command. Trusts: nothing, as credential_view.h.
#pragma once

#include "cli/credential_view.h"

namespace xos {

// The view of a chain for which is_grid_chain() holds; its attributes name nobody yet, since a proxy knows
// no login name: attributes.login and vo are the caller's to set where it knows them.
Outcome<CredentialView> read_grid_credential(std::string_view chain_pem);

// view.grid is there. Without a login name it is that of the account that asks.
std::string grid_text(const CredentialView& view, std::string_view held_by, std::chrono::sys_seconds now);
Json grid_json(const CredentialView& view, std::string_view held_by, std::chrono::sys_seconds now);

}  // namespace xos

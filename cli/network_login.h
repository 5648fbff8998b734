// The credential of the day from the VO's authority, or the one there is while it lasts.
//
// Owns: when a new one is asked for, and what an answer must pass. Process: the xos command. Trusts: the
// pinned authority; a chain only after it verified against the CA in the VO's signed record.
#pragma once

#include <string>
#include <vector>

#include "cli/authority_client.h"
#include "cli/user_folder.h"
#include "common/credential/signing_key.h"
#include "common/failure.h"

namespace xos {

struct ObtainedChain {
    std::string chain_pem;
    bool fresh = false;  // just issued; else the one of before, which is good for some more time
};

// Asks where renew says so, where there is none, or where less than a quarter of its life is left. Where the
// authority cannot be reached and the old one is still valid, that is used, with a warning on stderr; a
// refusal is an error.
Outcome<ObtainedChain> obtain_chain(const UserFolder& folder, const std::string& login, const SigningKey& key,
                                    bool renew);

// The login names whose keys lie in folders with an authority, in order.
std::vector<std::string> find_enrolled_logins();

// Takes an answer: keeps its record and verifies its chain against the CA in that. Warns on stderr where this
// machine's clock is not the authority's.
Outcome<void> accept_answer(const UserFolder& folder, const IssuedAnswer& answer);

}  // namespace xos

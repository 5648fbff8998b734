// The credentials that the user's ssh agent holds.
//
// Process: the xos command. Trusts: nothing in the agent but that its keys are the user's; identities that
// are not ours are passed over.
#pragma once

#include <string>
#include <vector>

#include "cli/credential_view.h"
#include "common/failure.h"
#include "common/ssh/ssh_agent.h"

namespace xos {

struct AgentCredential {
    std::string blob;  // names it to the agent
    CredentialView view;
};

Outcome<std::vector<AgentCredential>> list_credentials(SshAgent& agent);

// Takes those of login out of the agent, all where login is empty, except the one whose blob is keep. Answers
// the login names that were removed.
Outcome<std::vector<std::string>> remove_credentials(SshAgent& agent, std::string_view login,
                                                     std::string_view keep = {});

}  // namespace xos

// The words of xos-cda for issuers of tokens: vo issuer add, remove, list.
//
// Process: xos-cda. Trusts: its caller to be a manager. The JWK set is read from standard input.
#pragma once

#include "cda/commands.h"

namespace xos {

// Declares them below the group vo; line outlives the parse.
void declare_issuer_commands(CLI::App& vo, CommandLine& line);

}  // namespace xos

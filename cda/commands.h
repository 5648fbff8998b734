// The words of xos-cda: from a command line to a call of the Authority, and its answer as text.
//
// Owns: the grammar of the command line. Process: xos-cda. Trusts: its caller to be a manager.
// Input is standard input and output standard output: no path of the caller is ever opened but
// --state, --secret and --config of serve.
#pragma once

#include <functional>
#include <string>

#include "cda/authority.h"

namespace CLI {
class App;
}

namespace xos {

struct CommandLine {
    std::string state;   // empty: kAuthorityDir
    std::string secret;  // file; empty: kSecretFile with kAuthorityDir, else none
    std::function<Outcome<std::string>(Authority& authority)> run;  // answers what goes to standard output
};

// Declares all commands on app; parsing it then fills line, which outlives app.
void declare_commands(CLI::App& app, CommandLine& line);

}  // namespace xos

// The words of xos-cda that concern the network: serve, pin, vo serve, member invite, member add --invite.
//
// Owns: their grammar. Process: xos-cda. Trusts: its caller to be a manager.
#pragma once

namespace CLI {
class App;
}

namespace xos {

struct CommandLine;

// Adds them to app, which has the groups vo and member and in the latter add; parsing fills line, which
// outlives app.
void declare_network_commands(CLI::App& app, CommandLine& line);

}  // namespace xos

// The methods behind each varlink interface; one file an interface.
//
// Owns: nothing; binds methods to a ControlServer. Process: xosd. Trusts: callers as ControlServer tells
// them.
#pragma once

#include "common/failure.h"
#include "xosd/control/control_server.h"

namespace xos {

class Daemon;

Outcome<void> bind_node_methods(ControlServer& server, Daemon& daemon);
Outcome<void> bind_trust_methods(ControlServer& server, Daemon& daemon);
Outcome<void> bind_session_methods(ControlServer& server, Daemon& daemon);
Outcome<void> bind_credential_methods(ControlServer& server, Daemon& daemon);
Outcome<void> bind_account_methods(ControlServer& server, Daemon& daemon);
Outcome<void> bind_job_methods(ControlServer& server, Daemon& daemon);
Outcome<void> bind_tracking_methods(ControlServer& server, Daemon& daemon);

}  // namespace xos

// xos-cda serve: the authority on the network, until it is told to stop.
//
// Owns: the event loop, the server in it, and the signals. Process: xos-cda serve. Trusts: its configuration.
#pragma once

#include "cda/authority.h"
#include "cda/serve_config.h"
#include "common/failure.h"

namespace xos {

// Until SIGTERM or SIGINT. Says READY=1 to its service manager (sd_notify(3)) once it listens, and in its log
// where.
Outcome<void> serve(Authority& authority, const ServeConfig& config);

}  // namespace xos

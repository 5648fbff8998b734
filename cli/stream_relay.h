// The user's terminal or pipes, connected to a job's standard streams.
//
// Owns: the terminal's mode while it relays. Process: the xos command.
// Trusts: the stream comes from the job: its bytes go to the terminal as a program's would, its frames are
// checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/failure.h"
#include "libxos/unique_fd.h"

namespace xos {

// How the job's application ended, as its loader said. Neither: the connection ended first.
struct StreamEnd {
    std::optional<int32_t> wait_status;  // wait(2) form
    std::string exec_error;              // why it could not be executed
};

// Relays standard input, output and error until the application has ended or the connection is closed. With
// terminal the user's terminal is in raw mode meanwhile and its size is passed on; else SIGINT, SIGTERM and
// SIGHUP are passed on.
Outcome<StreamEnd> relay_streams(UniqueFd stream, bool terminal);

}  // namespace xos

// One question to xosd: one connection, one request, one reply, one deadline for all of it.
//
// Owns: the socket for as long as the question lasts. Process: any, modules included.
// Trusts: a peer on kPamSocket that listens as root; its bytes are for protocol.h to judge.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>

#include "libxos/result.h"

namespace xos {

// The step of an error where xosd took the connection and ended it without an answer.
inline constexpr char kHungUp[] = "xosd hung up";

// Sends request to kPamSocket and receives the reply into the start of reply_buffer; answers the reply's
// length. All of it takes budget at most. Where nobody listens the answer is unavailable, at once. Errors:
// unavailable (no xosd, it ended early, or the listener is not root), timeout, too_small (a reply longer than
// reply_buffer), system. Leaves errno, the signal mask and the table of descriptors as they were; raises no
// SIGPIPE.
[[nodiscard]] Result<size_t> ask_xosd(std::span<const std::byte> request, std::span<std::byte> reply_buffer,
                                      std::chrono::milliseconds budget);

}  // namespace xos

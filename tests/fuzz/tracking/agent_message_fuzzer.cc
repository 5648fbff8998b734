// Any bytes as a message between xosd and its connector agent: refused, or a message that is written as it
// was read.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "common/tracking/agent_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    const auto message = xos::parse_agent_message(bytes);
    if (message && !std::ranges::equal(xos::encode_agent_message(*message), bytes)) std::abort();
    return 0;
}

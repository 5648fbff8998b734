// Hostile bytes through every decoder. What is taken must be what an encoder writes, byte for byte: two
// readings of one message would be a way past a check.
#include <algorithm>
#include <cstdlib>
#include <span>

#include "libxos/protocol.h"

using namespace xos;

namespace {

std::byte buffer[kRequestMax + kReplyMax];

void check_same(const Result<size_t>& size, std::span<const std::byte> input) {
    if (!size || !std::ranges::equal(std::span(buffer).first(*size), input)) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto input = std::as_bytes(std::span(data, size));
    if (const auto request = decode_request(input))
        std::visit([&](const auto& r) { check_same(encode_request(r, buffer), input); }, *request);
    if (const auto reply = decode_keys_reply(input)) check_same(encode_reply(*reply, buffer), input);
    if (const auto reply = decode_account_reply(input)) check_same(encode_reply(*reply, buffer), input);
    if (const auto reply = decode_session_reply(input)) check_same(encode_reply(*reply, buffer), input);
    if (const auto reply = decode_close_reply(input)) check_same(encode_reply(*reply, buffer), input);
    if (const auto reply = decode_authenticate_reply(input)) check_same(encode_reply(*reply, buffer), input);
    if (const auto reply = decode_note_reply(input)) check_same(encode_reply(*reply, buffer), input);
    return 0;
}

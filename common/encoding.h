// Bytes as text: base64 (RFC 4648), base64url without padding (RFC 7515), lower-case hexadecimal.
//
// Process: programs only. Trusts: nothing. Decoders accept exactly what the encoders make: no white space, no
// missing or extra padding, no set bits behind the last byte. So one value has one text.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xos {

using Bytes = std::vector<uint8_t>;

inline std::span<const uint8_t> as_bytes(std::string_view text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(std::span<const uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string encode_base64(std::span<const uint8_t> bytes);  // padded
std::string encode_base64_unpadded(std::span<const uint8_t> bytes);
std::optional<Bytes> decode_base64(std::string_view text);
std::string encode_base64url(std::span<const uint8_t> bytes);  // unpadded
std::optional<Bytes> decode_base64url(std::string_view text);
std::string encode_hex(std::span<const uint8_t> bytes);

}  // namespace xos

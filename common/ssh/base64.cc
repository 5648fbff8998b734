#include "common/ssh/base64.h"

#include <array>
#include <cstdint>

namespace xos {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> make_values() {
    std::array<int8_t, 256> values{};
    values.fill(-1);
    for (size_t i = 0; i < kAlphabet.size(); ++i)
        values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<int8_t>(i);
    return values;
}
constexpr auto kValues = make_values();

}  // namespace

std::string base64_encode(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (size_t at = 0; at < bytes.size(); at += 3) {
        const std::string_view group = bytes.substr(at, 3);
        uint32_t bits = 0;
        for (size_t i = 0; i < 3; ++i)
            bits = bits << 8 | (i < group.size() ? static_cast<uint8_t>(group[i]) : 0);
        for (size_t i = 0; i < 4; ++i) text += i <= group.size() ? kAlphabet[bits >> (18 - 6 * i) & 63] : '=';
    }
    return text;
}

Outcome<std::string> base64_decode(std::string_view text, size_t max) {
    if (text.size() % 4 != 0)
        return failure(Errc::invalid, "base64 text of {} characters is cut off", text.size());
    if (text.size() / 4 > max / 3 + 1) return failure(Errc::invalid, "more than {} bytes", max);
    const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    for (size_t at = 0; at < text.size(); at += 4) {
        const size_t pad = at + 4 == text.size() ? padding : 0;
        uint32_t bits = 0;
        for (size_t i = 0; i < 4; ++i) {
            const int value = i < 4 - pad ? kValues[static_cast<uint8_t>(text[at + i])] : 0;
            if (value < 0) return failure(Errc::invalid, "a character that is not base64");
            bits = bits << 6 | static_cast<uint32_t>(value);
        }
        if ((pad == 1 && (bits & 0xff) != 0) || (pad == 2 && (bits & 0xffff) != 0))
            return failure(Errc::invalid, "base64 text with stray bits");
        for (size_t i = 0; i < 3 - pad; ++i) bytes += static_cast<char>(bits >> (16 - 8 * i));
    }
    if (bytes.size() > max) return failure(Errc::invalid, "more than {} bytes", max);
    return bytes;
}

}  // namespace xos

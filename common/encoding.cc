#include "common/encoding.h"

#include <array>

namespace xos {
namespace {

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr uint8_t kNoDigit = 0xff;

using Digits = std::array<uint8_t, 256>;

constexpr Digits digits_of(std::string_view alphabet) {
    Digits digits;
    digits.fill(kNoDigit);
    for (size_t i = 0; i < alphabet.size(); ++i)
        digits[static_cast<uint8_t>(alphabet[i])] = static_cast<uint8_t>(i);
    return digits;
}

std::string encode(std::span<const uint8_t> bytes, std::string_view alphabet) {
    std::string text;
    text.reserve((bytes.size() * 4 + 2) / 3 + 2);
    uint32_t bits = 0;
    int held = 0;
    for (const uint8_t byte : bytes) {
        bits = bits << 8 | byte;
        for (held += 8; held >= 6; held -= 6) text += alphabet[bits >> (held - 6) & 63];
    }
    if (held > 0) text += alphabet[bits << (6 - held) & 63];
    return text;
}

std::optional<Bytes> decode(std::string_view text, const Digits& digits) {
    if (text.size() % 4 == 1) return std::nullopt;
    Bytes bytes;
    bytes.reserve(text.size() / 4 * 3 + 2);
    uint32_t bits = 0;
    int held = 0;
    for (const char c : text) {
        const uint8_t digit = digits[static_cast<uint8_t>(c)];
        if (digit == kNoDigit) return std::nullopt;
        bits = bits << 6 | digit;
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes.push_back(static_cast<uint8_t>(bits >> held));
        }
    }
    const bool rest_is_zero = (bits & ((1u << held) - 1)) == 0;
    if (!rest_is_zero) return std::nullopt;
    return bytes;
}

}  // namespace

std::string encode_base64_unpadded(std::span<const uint8_t> bytes) {
    return encode(bytes, kBase64);
}

std::string encode_base64(std::span<const uint8_t> bytes) {
    std::string text = encode(bytes, kBase64);
    while (text.size() % 4 != 0) text += '=';
    return text;
}

std::optional<Bytes> decode_base64(std::string_view text) {
    static constexpr Digits kDigits = digits_of(kBase64);
    if (text.size() % 4 != 0) return std::nullopt;
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
    return decode(text, kDigits);
}

std::string encode_base64url(std::span<const uint8_t> bytes) {
    return encode(bytes, kBase64url);
}

std::optional<Bytes> decode_base64url(std::string_view text) {
    static constexpr Digits kDigits = digits_of(kBase64url);
    return decode(text, kDigits);
}

std::string encode_hex(std::span<const uint8_t> bytes) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const uint8_t byte : bytes) {
        text += kHex[byte >> 4];
        text += kHex[byte & 15];
    }
    return text;
}

}  // namespace xos

#include "common/ssh/ssh_wire.h"

namespace xos {

uint64_t SshReader::integer(size_t width) {
    if (failed_ || rest_.size() < width) {
        failed_ = true;
        return 0;
    }
    uint64_t value = 0;
    for (const char c : rest_.substr(0, width)) value = value << 8 | static_cast<uint8_t>(c);
    rest_.remove_prefix(width);
    return value;
}

uint8_t SshReader::u8() {
    return static_cast<uint8_t>(integer(1));
}
uint32_t SshReader::u32() {
    return static_cast<uint32_t>(integer(4));
}
uint64_t SshReader::u64() {
    return integer(8);
}

std::string_view SshReader::string(size_t max) {
    const uint32_t length = u32();
    if (failed_ || length > max || length > rest_.size()) {
        failed_ = true;
        return {};
    }
    const std::string_view bytes = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return bytes;
}

void put_u8(std::string& out, uint8_t value) {
    out += static_cast<char>(value);
}

void put_u32(std::string& out, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
}

void put_u64(std::string& out, uint64_t value) {
    put_u32(out, static_cast<uint32_t>(value >> 32));
    put_u32(out, static_cast<uint32_t>(value));
}

void put_string(std::string& out, std::string_view bytes) {
    put_u32(out, static_cast<uint32_t>(bytes.size()));
    out += bytes;
}

}  // namespace xos

// The stream between a job's loader and the person in front of it.
//
// Owns: the frame format (type u8, length u32 little endian, payload) and its codec.
// Process: xos-loader inside the job, xosd, the xos command. The loader uses the constexpr half only (no
// libstdc++). Trusts: nothing; a length over kFrameMax or an unknown type ends the stream.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libxos/result.h"

namespace xos {

enum class FrameType : uint8_t {
    stdin_data = 0,   // person to job: bytes
    stdout_data = 1,  // job to person: bytes (everything of a terminal)
    stderr_data = 2,  // job to person: bytes
    window_size = 3,  // person to job: rows u16, columns u16
    exit_status = 4,  // job to person: wait status i32 as of waitpid(2); the last frame
    stdin_eof = 5,    // person to job: empty
    signal = 6,       // to the job's process group, or as a request with kSignalAll: number u32
    exec_error = 7,   // job to person: errno i32, then what could not be executed; the last frame
    attach = 16,      // first frame of an attachment: rows u16, columns u16 (0: unknown)
    detach = 17,      // request: close every attachment
    done = 18,        // answer to signal and detach: errno i32
};

// With the number of a request to signal: every process of the job is asked to end. A loader that is older
// than this takes it for its process group.
inline constexpr uint32_t kSignalAll = 0x100;

inline constexpr size_t kFrameHeaderSize = 5;
inline constexpr size_t kFrameMax = 64 * 1024;  // bytes of payload

struct FrameHeader {
    FrameType type;
    uint32_t length;
};

constexpr bool is_frame_type(uint8_t type) {
    return type <= 7 || (type >= 16 && type <= 18);
}

constexpr void store_le16(unsigned char* to, uint16_t value) {
    to[0] = static_cast<unsigned char>(value);
    to[1] = static_cast<unsigned char>(value >> 8);
}
constexpr void store_le32(unsigned char* to, uint32_t value) {
    store_le16(to, static_cast<uint16_t>(value));
    store_le16(to + 2, static_cast<uint16_t>(value >> 16));
}
constexpr uint16_t load_le16(const unsigned char* from) {
    return static_cast<uint16_t>(from[0] | from[1] << 8);
}
constexpr uint32_t load_le32(const unsigned char* from) {
    return load_le16(from) | static_cast<uint32_t>(load_le16(from + 2)) << 16;
}

constexpr std::array<unsigned char, kFrameHeaderSize> frame_header(FrameType type, uint32_t length) {
    std::array<unsigned char, kFrameHeaderSize> out{static_cast<unsigned char>(type)};
    store_le32(out.data() + 1, length);
    return out;
}

// The header in the first kFrameHeaderSize bytes at from; nothing where type or length break the format.
constexpr std::optional<FrameHeader> parse_frame_header(const unsigned char* from) {
    const uint32_t length = load_le32(from + 1);
    if (!is_frame_type(from[0]) || length > kFrameMax) return std::nullopt;
    return FrameHeader{static_cast<FrameType>(from[0]), length};
}

struct Frame {
    FrameType type;
    std::string payload;
};

// payload is at most kFrameMax bytes: cut longer data before.
std::string encode_frame(FrameType type, std::string_view payload = {});
std::string encode_window_size(FrameType type, uint16_t rows, uint16_t columns);  // window_size and attach
std::string encode_number(FrameType type, uint32_t number);                       // signal, exit_status, done

struct WindowSize {
    uint16_t rows, columns;
};
std::optional<WindowSize> parse_window_size(const Frame& frame);
std::optional<int32_t> parse_number(const Frame& frame);  // the leading number; exec_error has text behind it

// Turns bytes into frames. Holds one frame and what was fed after it.
class FrameReader {
  public:
    void feed(std::string_view bytes) { pending_ += bytes; }
    // The next whole frame; an empty optional where more bytes are needed; an error ends the stream for good.
    Result<std::optional<Frame>> next();

  private:
    std::string pending_;
};

}  // namespace xos

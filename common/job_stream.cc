#include "common/job_stream.h"

namespace xos {
namespace {

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

template <size_t N>
std::string_view view(const std::array<unsigned char, N>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string encode_frame(FrameType type, std::string_view payload) {
    std::string out(view(frame_header(type, static_cast<uint32_t>(payload.size()))));
    return out.append(payload);
}

std::string encode_window_size(FrameType type, uint16_t rows, uint16_t columns) {
    std::array<unsigned char, 4> payload{};
    store_le16(payload.data(), rows);
    store_le16(payload.data() + 2, columns);
    return encode_frame(type, view(payload));
}

std::string encode_number(FrameType type, uint32_t number) {
    std::array<unsigned char, 4> payload{};
    store_le32(payload.data(), number);
    return encode_frame(type, view(payload));
}

std::optional<WindowSize> parse_window_size(const Frame& frame) {
    if (frame.payload.size() != 4) return std::nullopt;
    const unsigned char* at = bytes_of(frame.payload);
    return WindowSize{load_le16(at), load_le16(at + 2)};
}

std::optional<int32_t> parse_number(const Frame& frame) {
    if (frame.payload.size() < 4) return std::nullopt;
    return static_cast<int32_t>(load_le32(bytes_of(frame.payload)));
}

Result<std::optional<Frame>> FrameReader::next() {
    if (pending_.size() < kFrameHeaderSize) return std::nullopt;
    const auto header = parse_frame_header(bytes_of(pending_));
    if (!header) return fail(Errc::invalid, "frame of the job stream");
    const size_t whole = kFrameHeaderSize + header->length;
    if (pending_.size() < whole) return std::nullopt;
    Frame frame{header->type, pending_.substr(kFrameHeaderSize, header->length)};
    pending_.erase(0, whole);
    return frame;
}

}  // namespace xos

// The fields of a message, written and read in order.
//
// Owns: the byte layout of integers and strings; protocol.h says which fields a message has. Process: any,
// modules included (no allocation, no exception). Trusts: nothing; a message that is too short, or a buffer,
// is told at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "libxos/protocol.h"
#include "libxos/result.h"

namespace xos {

// Writes fields; a field that does not fit makes the whole message fail.
class FieldWriter {
  public:
    explicit FieldWriter(std::span<std::byte> buffer) : buffer_(buffer) {}

    template <typename T>
        requires std::is_integral_v<T>
    void field(T value) {
        if (!reserve(sizeof value)) return;
        for (size_t i = 0; i < sizeof value; i++)
            buffer_.data()[at_ + i] =
                static_cast<std::byte>(static_cast<std::make_unsigned_t<T>>(value) >> (8 * i));
        at_ += sizeof value;
    }
    void field(std::string_view text) {
        field(static_cast<uint32_t>(text.size()));
        if (text.empty() || !reserve(text.size())) return;
        std::memcpy(buffer_.data() + at_, text.data(), text.size());
        at_ += text.size();
    }
    void field(Verdict verdict) { field(static_cast<uint8_t>(verdict)); }

    Result<size_t> end() const {
        if (!fits_) return fail(Errc::too_small, "message buffer");
        return at_;
    }

  private:
    bool reserve(size_t size) { return fits_ = fits_ && size <= buffer_.size() - at_; }

    std::span<std::byte> buffer_;
    size_t at_ = 0;
    bool fits_ = true;
};

// Reads fields in the same order; what a short message lacks reads as zero and fails at the end.
class FieldReader {
  public:
    explicit FieldReader(std::span<const std::byte> message) : message_(message) {}

    template <typename T>
        requires std::is_integral_v<T>
    void field(T& value) {
        std::make_unsigned_t<T> sum = 0;
        if (available(sizeof value)) {
            for (size_t i = sizeof value; i-- > 0;)
                sum = static_cast<std::make_unsigned_t<T>>(
                    (static_cast<uint64_t>(sum) << 8) | std::to_integer<uint8_t>(message_.data()[at_ + i]));
            at_ += sizeof value;
        }
        value = static_cast<T>(sum);
    }
    void field(std::string_view& text) {
        uint32_t size = 0;
        field(size);
        if (!available(size)) return;
        text = {reinterpret_cast<const char*>(message_.data()) + at_, size};
        at_ += size;
    }
    void field(Verdict& verdict) {
        uint8_t value = 0;
        field(value);
        whole_ = whole_ && value >= static_cast<uint8_t>(Verdict::permit) &&
                 value <= static_cast<uint8_t>(Verdict::unavailable);
        if (whole_) verdict = static_cast<Verdict>(value);
    }

    bool ended_well() const { return whole_ && at_ == message_.size(); }

  private:
    bool available(size_t size) { return whole_ = whole_ && size <= message_.size() - at_; }

    std::span<const std::byte> message_;
    size_t at_ = 0;
    bool whole_ = true;
};

}  // namespace xos

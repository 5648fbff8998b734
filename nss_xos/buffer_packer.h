// Puts texts and pointers into the buffer of whoever asked.
//
// Owns: the bounds of that buffer. Process: any that looks up a name. Trusts: buffer and size as the caller
// gave them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace xos {

class BufferPacker {
  public:
    BufferPacker(char* buffer, size_t size) : at_(buffer), left_(size) {}

    // A copy of text with a NUL behind it; nullptr where it does not fit, and then nothing was written.
    [[nodiscard]] char* put_text(std::string_view text) {
        if (text.size() >= left_) return nullptr;
        char* start = at_;
        memcpy(start, text.data(), text.size());
        start[text.size()] = '\0';
        advance(text.size() + 1);
        return start;
    }

    // Room for count pointers, aligned; nullptr where it does not fit.
    [[nodiscard]] char** reserve_pointers(size_t count) {
        const size_t skip = -reinterpret_cast<uintptr_t>(at_) % alignof(char*);
        if (skip > left_ || (left_ - skip) / sizeof(char*) < count) return nullptr;
        advance(skip);
        char** start = reinterpret_cast<char**>(static_cast<void*>(at_));
        advance(count * sizeof(char*));
        return start;
    }

  private:
    void advance(size_t size) {
        at_ += size;
        left_ -= size;
    }
    char* at_;
    size_t left_;
};

}  // namespace xos

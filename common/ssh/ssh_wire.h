// The data types of SSH: bytes, integers and length-prefixed strings (RFC 4251, section 5).
//
// Owns: the one encoder and decoder of that notation. Process: programs only.
// Trusts: nothing; lengths come from the network and are checked against what is there and a cap.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace xos {

// Reads values off the front of bytes, which must outlive it and every view it hands out.
// The first value that is not there, or a string over its cap, makes it fail for good: from then on it
// answers zeros and empty views, so that a decoder reads everything and asks once.
class SshReader {
  public:
    explicit SshReader(std::string_view bytes) : rest_(bytes) {}

    uint8_t u8();
    uint32_t u32();
    uint64_t u64();
    std::string_view string(size_t max);  // a length and that many bytes, at most max

    bool failed() const { return failed_; }
    bool more() const { return !failed_ && !rest_.empty(); }
    bool complete() const { return !failed_ && rest_.empty(); }  // everything was read, nothing is left
    size_t left() const { return rest_.size(); }

  private:
    uint64_t integer(size_t width);

    std::string_view rest_;
    bool failed_ = false;
};

void put_u8(std::string& out, uint8_t value);
void put_u32(std::string& out, uint32_t value);
void put_u64(std::string& out, uint64_t value);
void put_string(std::string& out, std::string_view bytes);  // bytes shorter than 4 GiB

}  // namespace xos

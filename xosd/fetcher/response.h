// What a web server sends, read with caps: the header's lines and the body, plain or zstd.
//
// Owns: the few fields that matter, and the decompression. Pure but for the writer that is handed in.
// Process: xos-fetch. Trusts: nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/failure.h"

struct ZSTD_DCtx_s;

namespace xos {

inline constexpr size_t kResponseHeaderMax = 64 * 1024;  // bytes of all lines

class ResponseHeader {
  public:
    // One line, with or without its end. A status line begins a new header. false: more than
    // kResponseHeaderMax bytes.
    bool add(std::string_view line);

    int status = 0;  // 0: none yet
    std::string etag, modified, location, encoding;

  private:
    size_t bytes_ = 0;
};

class ResponseBody {
  public:
    using Write = std::function<Outcome<void>(std::string_view)>;
    // At most max bytes come out at write.
    ResponseBody(uint64_t max, Write write);
    ~ResponseBody();

    // The next bytes from the network. Errc::invalid: more than max, or broken zstd.
    Outcome<void> add(std::string_view bytes);
    // Nothing follows. Errc::invalid: a zstd frame is cut short.
    Outcome<void> finish();
    uint64_t size() const { return size_; }

  private:
    struct Free {
        void operator()(ZSTD_DCtx_s* context) const;
    };
    Outcome<void> put(std::string_view bytes);
    Outcome<void> unpack(std::string_view bytes);

    uint64_t max_, size_ = 0;
    Write write_;
    std::string beginning_;  // until it is long enough to tell what it is
    bool known_ = false, open_frame_ = false;
    std::unique_ptr<ZSTD_DCtx_s, Free> context_;  // where it is compressed
    std::string block_;
};

}  // namespace xos
